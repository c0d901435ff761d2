import { ShoalError } from '@shoal/host'

/** How the ranks of a group add up their partial sums. All three give the same bits: float32, added in rank order. */
export const algorithms = ['star', 'gather', 'ring'] as const
export type Algorithm = (typeof algorithms)[number]

/** Numbers on their way between two ranks: a rank's own or a running sum, or a piece of the total. */
export interface Part {
  readonly kind: 'partial' | 'total'
  /** Which piece of the rows ({@link piecesOf}). */
  readonly chunk: number
  /** Of a part that arrives they belong to the exchange, with all of their ArrayBuffer: it frees them once they are added. */
  readonly values: Float32Array
}

export interface Outgoing extends Part {
  readonly to: number
}

/**
 * One rank's side of one sum over all ranks, without any I/O: what leaves at the start, and what leaves for each part
 * that arrives. `values` of what leaves are views that later calls write over: send them, or copy them, at once.
 */
export interface Exchange {
  start(): readonly Outgoing[]
  /** @throws {ShoalError} `bad-frame` for a part that has no place here */
  receive(from: number, part: Part): readonly Outgoing[]
  /** True once the rows that it was made with hold the total. */
  readonly done: boolean
  /** Ranks from which something is still to come. */
  waitingFor(): readonly number[]
}

export interface ExchangeOptions {
  readonly rank: number
  readonly ranks: number
  /** This rank's partial sums; the total takes their place. */
  readonly rows: Float32Array
}

export function misplaced(from: number, { kind, chunk, values }: Part, why: string): ShoalError {
  return new ShoalError('bad-frame', `rank ${from} sent ${values.length} numbers as ${kind} ${chunk}: ${why}`)
}

/** Sums on their way from one part to the next, few enough to stay in the nearest cache. */
const running = new Float32Array(1024)

/**
 * `((p0 + p1) + p2) + …` for every element, each sum rounded to float32: whatever arrived first, the bits are the same.
 * @param into may be one of the parts
 */
export function addInRankOrder(parts: readonly Float32Array[], into: Float32Array): void {
  const [first, second, ...others] = parts
  const last = others.pop()
  if (first === undefined || second === undefined) throw new Error('a sum has the parts of two ranks')
  if (last === undefined) {
    for (let index = 0; index < into.length; index += 1)
      into[index] = (first[index] as number) + (second[index] as number)
    return
  }
  // Two at a time: loops over one array each are several times faster than one loop over all.
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
