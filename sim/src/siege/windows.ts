/** What is counted in one window. */
export class WindowTally {
  seconds = 0
  tokens = 0
  /** Processor time of the target, and the part of it that its event loop had. */
  cpuSeconds = 0
  loopSeconds = 0
  stallMs = 0
  /** Bytes that the attacker has sent, and its processor time: of an attacker that gets none nothing is shown. */
  sentBytes = 0
  attackerSeconds = 0
  readonly residentMiB: number[] = []

  get pace(): number {
    return this.seconds === 0 ? 0 : this.tokens / this.seconds
  }
}

/**
 * What happens in a part of a siege: nothing; the attack; or `loaded`, in which the attacker's process sends nothing and uses
 * as much processor time as it had in the attacked window before. It stands for another machine, so what it takes from the
 * processors that it shares with the nodes is no harm that the attack does.
 */
export type WindowKind = 'calm' | 'attacked' | 'loaded'

/** A part of a siege. */
export interface Window {
  readonly kind: WindowKind
  readonly seconds: number
}

/** Windows of a siege that is to attack for so many seconds: calm, attacked, loaded, again and again, and calm at the end. */
export function windowsOf(attackSeconds: number): readonly Window[] {
  // Short enough that noise of the machine falls on neighbours alike, long enough for some answers.
  const rounds = Math.max(roundsLeast, Math.min(roundsMost, Math.round(attackSeconds / windowSeconds)))
  const attacked: Window = { kind: 'attacked', seconds: attackSeconds / rounds }
  const others = Math.min(attacked.seconds, otherSecondsMost)
  const calm: Window = { kind: 'calm', seconds: others }
  const loaded: Window = { kind: 'loaded', seconds: others }
  return [...Array.from({ length: rounds }, () => [calm, attacked, loaded]).flat(), calm]
}

const windowSeconds = 4
const roundsLeast = 2
const roundsMost = 12
const otherSecondsMost = 10

/** What was counted in the windows of each kind, in order. */
export type Tallies = Readonly<Record<WindowKind, readonly WindowTally[]>>

/**
 * The pace under attack as a part of the pace while the attacker's processor time is used up by nothing, in the median over
 * the attacked windows, each compared with the loaded one behind it. What else the machine does falls on neighbours alike,
 * and one bad window decides nothing.
 */
export function paceRatio({ attacked, loaded }: Tallies): number {
  return median(
    attacked.flatMap((window, index) => {
      const beside = loaded[index]
      return beside === undefined ? [] : [beside.tokens === 0 ? 0 : window.pace / beside.pace]
    }),
  )
}

/** The same beside the calm windows around each: on one machine it counts the attacker's processor time as harm. */
export function rawPaceRatio({ calm, attacked }: Tallies): number {
  return median(
    attacked.map((window, index) => {
      const around = calm.slice(index, index + 2)
      const tokens = sumOf(around, (one) => one.tokens)
      return tokens === 0 ? 0 : (window.pace * sumOf(around, (one) => one.seconds)) / tokens
    }),
  )
}

/**
 * Processor time of the target that an attack takes in a second: what it used in the attacked windows beyond what as many
 * honest tokens cost it in the others.
 */
export function takenPerSecond(
  { calm, attacked, loaded }: Tallies,
  of: (window: WindowTally) => number,
): number {
  const others = [...calm, ...loaded]
  const tokens = sumOf(others, (window) => window.tokens)
  const perToken = tokens === 0 ? 0 : sumOf(others, of) / tokens
  return perSecond(attacked, (window) => of(window) - perToken * window.tokens)
}

/** Of so much of each second, over all these windows. */
export function perSecond(windows: readonly WindowTally[], of: (window: WindowTally) => number): number {
  const seconds = sumOf(windows, (window) => window.seconds)
  return seconds === 0 ? 0 : sumOf(windows, of) / seconds
}

const sumOf = (windows: readonly WindowTally[], of: (window: WindowTally) => number): number =>
  windows.reduce((sum, window) => sum + of(window), 0)

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return ((low ?? 0) + (high ?? 0)) / 2
}
