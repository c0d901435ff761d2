/** What is counted in the windows of one kind: those with the attack, or those without. */
export class WindowTally {
  seconds = 0
  tokens = 0
  cpuSeconds = 0
  stallMs = 0
  readonly residentMiB: number[] = []

  get pace(): number {
    return this.seconds === 0 ? 0 : this.tokens / this.seconds
  }

  get busy(): number {
    return this.seconds === 0 ? 0 : this.cpuSeconds / this.seconds
  }
}

/** A part of a siege. */
export interface Window {
  readonly attacked: boolean
  readonly seconds: number
}

/** Windows of a siege that is to attack for so many seconds: a calm one before, between and after the attacks. */
export function windowsOf(attackSeconds: number): readonly Window[] {
  // Short enough that noise of the machine falls on both kinds alike, long enough for some answers.
  const rounds = Math.max(2, Math.min(6, Math.floor(attackSeconds / 8)))
  const attacked: Window = { attacked: true, seconds: attackSeconds / rounds }
  const calm: Window = { attacked: false, seconds: Math.min(attacked.seconds, calmSecondsMost) }
  return [...Array.from({ length: rounds }, () => [calm, attacked]).flat(), calm]
}

const calmSecondsMost = 20
