/** What is counted in one window. */
export class WindowTally {
  seconds = 0
  tokens = 0
  /** Processor time of the target. */
  cpuSeconds = 0
  stallMs = 0
  /** Bytes that the attacker has sent, and its processor time: of an attacker that gets none nothing is shown. */
  sentBytes = 0
  attackerSeconds = 0
  readonly residentMiB: number[] = []

  get pace(): number {
    return this.seconds === 0 ? 0 : this.tokens / this.seconds
  }
}

/** A part of a siege. */
export interface Window {
  readonly attacked: boolean
  readonly seconds: number
}

/** Windows of a siege that is to attack for so many seconds: a calm one before, between and after the attacks. */
export function windowsOf(attackSeconds: number): readonly Window[] {
  // Short enough that noise of the machine falls on neighbours alike, long enough for some answers.
  const rounds = Math.max(roundsLeast, Math.min(roundsMost, Math.round(attackSeconds / windowSeconds)))
  const attacked: Window = { attacked: true, seconds: attackSeconds / rounds }
  const calm: Window = { attacked: false, seconds: Math.min(attacked.seconds, calmSecondsMost) }
  return [...Array.from({ length: rounds }, () => [calm, attacked]).flat(), calm]
}

const windowSeconds = 4
const roundsLeast = 2
const roundsMost = 12
const calmSecondsMost = 10

/** Windows that alternate: calm, attacked, …, calm. */
export interface Tallies {
  readonly calm: readonly WindowTally[]
  readonly attacked: readonly WindowTally[]
}

/**
 * The pace under attack as a part of the pace without, in the median over the attacked windows, each compared with the calm
 * windows around it. What else the machine does falls on neighbours alike, and one bad window decides nothing.
 */
export function paceRatio({ calm, attacked }: Tallies): number {
  const ratios = attacked.map((window, index) => {
    const around = calm.slice(index, index + 2)
    const tokens = around.reduce((sum, { tokens }) => sum + tokens, 0)
    const seconds = around.reduce((sum, { seconds }) => sum + seconds, 0)
    return tokens === 0 ? 0 : (window.pace * seconds) / tokens
  })
  return median(ratios)
}

/** Of so much of each second, over all these windows. */
export function perSecond(windows: readonly WindowTally[], of: (window: WindowTally) => number): number {
  const seconds = windows.reduce((sum, { seconds }) => sum + seconds, 0)
  return seconds === 0 ? 0 : windows.reduce((sum, window) => sum + of(window), 0) / seconds
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return ((low ?? 0) + (high ?? 0)) / 2
}
