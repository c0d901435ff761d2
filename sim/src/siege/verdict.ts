/** What was seen of a siege, in numbers. */
export interface SiegeFigures {
  readonly attack: string
  readonly seconds: number
  /** Bytes that the attacker has sent. */
  readonly sentBytes: number
  /** Growth of the target's memory: the most during the attack beyond the most before it. */
  readonly addedMiB: number
  /** Processor time of the target per second, with the attack and without. */
  readonly busy: { readonly attacked: number; readonly calm: number }
  /** Tokens per second of the honest answers, with the attack and without. */
  readonly pace: { readonly attacked: number; readonly calm: number }
  /** The longest time without a token, in milliseconds. */
  readonly stallMs: { readonly attacked: number; readonly calm: number }
  readonly answers: number
  /** What was wrong with answers. */
  readonly wrong: readonly string[]
  /** Honest peers that were refused, banned, or held dead. */
  readonly shutOut: readonly string[]
  readonly alive: boolean
  /** What the attacks have counted. */
  readonly counts: Readonly<Record<string, number>>
}

/** Honest tokens come at this part of their pace at least. */
const leastPace = 0.8
/** Answers and peers that are named, of each kind: the row counts them all. */
const namedMost = 5
/** Memory that an attack may add. */
const mostAddedMiB = 64

export const paceRatio = ({ pace }: SiegeFigures): number => (pace.calm === 0 ? 0 : pace.attacked / pace.calm)

/** What an attack has achieved that no attack may. */
export function violationsOf(figures: SiegeFigures): string[] {
  const ratio = paceRatio(figures)
  return [
    ...(figures.alive ? [] : ['the target is dead']),
    ...(ratio < leastPace ? [`honest answers came at ${ratio.toFixed(2)} of their pace`] : []),
    ...(figures.addedMiB > mostAddedMiB ? [`${Math.round(figures.addedMiB)} MiB more memory`] : []),
    ...figures.wrong.slice(0, namedMost),
    ...figures.shutOut.slice(0, namedMost),
  ].map((text) => `${figures.attack}: ${text}`)
}

/** One line of the table. */
export function rowOf(figures: SiegeFigures): string {
  const { attack, seconds, sentBytes, addedMiB, busy, stallMs, answers, wrong, shutOut, alive, counts } =
    figures
  const counted = Object.entries(counts).map(([what, times]) => `${what} ${times}`)
  return [
    attack.padEnd(18),
    `${Math.round(seconds)} s`,
    `${(sentBytes / 2 ** 20).toFixed(1)} MiB sent`,
    `${addedMiB >= 0 ? '+' : ''}${addedMiB.toFixed(0)} MiB`,
    `cpu ${busy.calm.toFixed(2)} → ${busy.attacked.toFixed(2)}`,
    `pace × ${paceRatio(figures).toFixed(2)}`,
    `stall ${Math.round(stallMs.calm)} → ${Math.round(stallMs.attacked)} ms`,
    `${answers} answers, ${wrong.length} wrong`,
    `${shutOut.length} shut out`,
    alive ? 'alive' : 'DEAD',
    counted.join(', '),
  ].join(' | ')
}
