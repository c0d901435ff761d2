import {
  paceRatio,
  perSecond,
  rawPaceRatio,
  takenPerSecond,
  type Tallies,
  type WindowTally,
} from './windows.ts'

/** What was seen of a siege. */
export interface SiegeFigures {
  readonly attack: string
  readonly windows: Tallies
  readonly answers: number
  /** What was wrong with answers. */
  readonly wrong: readonly string[]
  /** Honest peers that were refused, banned, or held dead. */
  readonly shutOut: readonly string[]
  readonly alive: boolean
  /** What the attacks have counted. */
  readonly counts: Readonly<Record<string, number>>
}

/** Honest tokens come at this part of their pace at least, during each attack; all of them together may cost more. */
const leastPace = 0.8
/** Answers and peers that are named, of each kind: the row counts them all. */
const namedMost = 5
/** Memory that an attack may add. */
const mostAddedMiB = 64

/** Growth of the target's memory: the most beyond the most of the calm window before the first attack. */
export function addedMiB({ calm, attacked, loaded }: Tallies): number {
  const most = (windows: readonly WindowTally[]): number =>
    Math.max(0, ...windows.flatMap(({ residentMiB }) => residentMiB))
  return most([...calm, ...attacked, ...loaded]) - most(calm.slice(0, 1))
}

/** What an attack has achieved that no attack may. */
export function violationsOf(figures: SiegeFigures): string[] {
  const { windows, attack, alive, wrong, shutOut } = figures
  const [ratio, added] = [paceRatio(windows), addedMiB(windows)]
  return [
    ...(alive ? [] : ['the target is dead']),
    ...(attack !== 'all' && ratio < leastPace
      ? [`honest answers came at ${ratio.toFixed(2)} of their pace`]
      : []),
    ...(added > mostAddedMiB ? [`${Math.round(added)} MiB more memory`] : []),
    ...wrong.slice(0, namedMost),
    ...shutOut.slice(0, namedMost),
  ].map((text) => `${attack}: ${text}`)
}

/** One line of the table. */
export function rowOf({ attack, windows, answers, wrong, shutOut, alive, counts }: SiegeFigures): string {
  const { calm, attacked, loaded } = windows
  const seconds = attacked.reduce((sum, window) => sum + window.seconds, 0)
  const pace = (of: readonly WindowTally[]): string => perSecond(of, ({ tokens }) => tokens).toFixed(0)
  const stallMs = (of: readonly WindowTally[]): number => Math.max(0, ...of.map((window) => window.stallMs))
  const cpu = takenPerSecond(windows, ({ cpuSeconds }) => cpuSeconds)
  const loop = takenPerSecond(windows, ({ loopSeconds }) => loopSeconds)
  const added = addedMiB(windows)
  const counted = Object.entries(counts).map(
    ([what, times]) => `${what} ${times > 0 ? perWindowSecond(times, seconds) : 0}/s`,
  )
  return [
    attack.padEnd(18),
    `${Math.round(seconds)} s`,
    `attacker: ${(perSecond(attacked, ({ sentBytes }) => sentBytes) / 1024).toFixed(0)} KiB/s, cpu ${perSecond(attacked, ({ attackerSeconds }) => attackerSeconds).toFixed(2)}`,
    `taken: ${added >= 0 ? '+' : ''}${added.toFixed(0)} MiB, cpu ${cpu.toFixed(2)} (event loop ${loop.toFixed(2)})`,
    `tokens/s calm ${pace(calm)}, attacked ${pace(attacked)}, loaded ${pace(loaded)}`,
    `pace ${paceRatio(windows).toFixed(2)} (beside calm ${rawPaceRatio(windows).toFixed(2)})`,
    `stall ${Math.round(stallMs([...calm, ...loaded]))} → ${Math.round(stallMs(attacked))} ms`,
    `${answers} answers, ${wrong.length} wrong`,
    `${shutOut.length} shut out`,
    alive ? 'alive' : 'DEAD',
    counted.join(', '),
  ].join(' | ')
}

function perWindowSecond(times: number, seconds: number): string {
  const rate = times / Math.max(seconds, 1)
  return rate < 10 ? rate.toFixed(1) : rate.toFixed(0)
}
