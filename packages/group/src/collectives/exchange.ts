import { ShoalError } from '@shoal/host'

/** Algorithms by which ranks add up their partial sums. All give the same bits: float32, added in the order of ranks. */
export const algorithms = ['star', 'gather', 'ring'] as const
export type Algorithm = (typeof algorithms)[number]

/** Values on their way between two ranks: a rank's own part or a running sum (`partial`), or a piece of the total. */
export interface Part {
  readonly kind: 'partial' | 'total'
  /** Index of the piece of the rows ({@link piecesOf}). */
  readonly chunk: number
  /** The values of an arriving part belong to the exchange with their whole ArrayBuffer, which it frees once they are added. */
  readonly values: Float32Array
}

export interface Outgoing extends Part {
  readonly to: number
}

/**
 * One rank's side of one sum over all ranks, without I/O: the parts to send at the start, and the parts to send for each
 * part that arrives. The `values` of parts to send are views that later calls overwrite, so they must be sent or copied at
 * once.
 */
export interface Exchange {
  start(): readonly Outgoing[]
  /** @throws {ShoalError} `bad-frame` for a part that breaks the protocol */
  receive(from: number, part: Part): readonly Outgoing[]
  /** Whether the given rows hold the total. */
  readonly done: boolean
  /** Ranks whose parts are still missing. */
  waitingFor(): readonly number[]
}

export interface ExchangeOptions {
  readonly rank: number
  readonly ranks: number
  /** This rank's partial sums, which the total replaces. */
  readonly rows: Float32Array
}

/** The error for a part that breaks the protocol. */
export function misplaced(from: number, { kind, chunk, values }: Part, why: string): ShoalError {
  return new ShoalError('bad-frame', `rank ${from} sent ${values.length} numbers as ${kind} ${chunk}: ${why}`)
}

/** Sums so far of some elements, few enough for the L1 cache. */
const running = new Float32Array(1024)

/**
 * Computes `((p0 + p1) + p2) + …` for every element, each sum rounded to float32, so that the order of arrival changes no
 * bit.
 * @param into may be one of the parts
 */
export function addInRankOrder(parts: readonly Float32Array[], into: Float32Array): void {
  const [first, second, ...others] = parts
  const last = others.pop()
  if (first === undefined || second === undefined)
    throw new Error('a sum needs the parts of at least two ranks')
  if (last === undefined) {
    for (let index = 0; index < into.length; index += 1)
      into[index] = (first[index] as number) + (second[index] as number)
    return
  }
  // Loops that add one array at a time are several times faster than one loop over all arrays.
  for (let from = 0; from < into.length; from += running.length) {
    const count = Math.min(running.length, into.length - from)
    for (let index = 0; index < count; index += 1)
      running[index] = (first[from + index] as number) + (second[from + index] as number)
    for (const part of others)
      for (let index = 0; index < count; index += 1)
        running[index] = (running[index] as number) + (part[from + index] as number)
    for (let index = 0; index < count; index += 1)
      into[from + index] = (running[index] as number) + (last[from + index] as number)
  }
}
