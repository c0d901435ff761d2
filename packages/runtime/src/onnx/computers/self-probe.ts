import { hiddenSizeOf, type Span } from '../../span.ts'
import type { BlockComputer } from './block-computer.ts'
import { createKeyValueCache, type KeyValueCache } from './key-value-cache.ts'
import { rowPaddings, type RowPadding } from './row-padding.ts'
import type { SpanComputer } from './span-computer.ts'
import { sameBits } from '../../probe/same-bits.ts'
import { seededValues } from '../../probe/seeded-values.ts'

/** Rows of the longest case: just more than two query blocks of onnxruntime's flash attention at head size 32, or one at 64. */
const rowCount = 130

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)

/**
 * How the probe's rows are grouped into calls (docs/numerics.md): row counts that kernels treat specially, then
 * lengths 2, 3 and 7 from every past from 0 to 6, so that the end of a call takes every value modulo 4, with and without
 * padding behind it, and every lane of a four-lane kernel is met. Longest first.
 */
export const groupings: readonly (readonly number[])[] = [
  [129, 1],
  [64, 66],
  ...[0, 1, 2, 3, 4, 5, 6].flatMap((past) =>
    [2, 3, 7].map((length) => (past === 0 ? [length] : [past, length])),
  ),
  [5],
  [1, 1, 1, 1, 1],
  [2, 3],
  [1, 1],
].sort((a, b) => sum(b) - sum(a))

/** Calls with rows of several sessions: for each session, the rows before the call and those in it. */
const mixtures: readonly (readonly (readonly [past: number, rows: number])[])[] = [
  [5, 1, 31, 9].map((past) => [past, 1]),
  [
    [0, 3],
    [1, 1],
    [6, 7],
    [2, 1],
    [33, 5],
  ],
]

/** What computes the probe's rows: of one session, and where calls are shared, of several. */
export type ProbedComputer = SpanComputer & Partial<Pick<BlockComputer, 'forwardTogether'>>

/**
 * Finds how a call's rows must be padded on this machine, with this format, shape and thread count.
 *
 * @param computerOf computes `block`
 * @returns the cheapest padding with which every grouping gives the same bits; null when none does
 */
export function selfProbe(
  computerOf: (padding: RowPadding) => ProbedComputer,
  block: Span,
): RowPadding | null {
  const hidden = seededValues(1, rowCount * hiddenSizeOf(block), 1)
  return rowPaddings.find((padding) => isInvariant(computerOf(padding), block, hidden)) ?? null
}

function isInvariant(computer: ProbedComputer, block: Span, hidden: Float32Array): boolean {
  const hiddenSize = hiddenSizeOf(block)
  const compute = (sizes: readonly number[]): { rows: Float32Array; cache: KeyValueCache } => {
    const cache = createKeyValueCache(block, rowCount)
    const rows = new Float32Array(sum(sizes) * hiddenSize)
    for (const size of sizes) {
      const at = cache.length * hiddenSize
      rows.set(computer.forward(cache, hidden.subarray(at, at + size * hiddenSize)), at)
    }
    return { rows, cache }
  }
  const whole = compute([rowCount])
  const keyValues = new Map<number, Float32Array>()
  const wholeUntil = (length: number): Float32Array => {
    const known = keyValues.get(length) ?? whole.cache.export(0, length)
    keyValues.set(length, known)
    return known
  }
  const invariant = groupings.every((sizes) => {
    const found = compute(sizes)
    return (
      sameBits(found.rows, whole.rows.subarray(0, found.rows.length)) &&
      sameBits(found.cache.export(), wholeUntil(sum(sizes)))
    )
  })
  const { forwardTogether } = computer
  if (!invariant || forwardTogether === undefined) return invariant
  const rowsAt = (from: number, count: number, values: Float32Array): Float32Array =>
    values.subarray(from * hiddenSize, (from + count) * hiddenSize)
  return mixtures.every((sessions) => {
    const parts = sessions.map(([past, rows]) => {
      const cache = createKeyValueCache(block, rowCount)
      if (past > 0) cache.import(wholeUntil(past), past)
      return { cache, rows, past }
    })
    const gathered = (values: Float32Array): Float32Array =>
      Float32Array.from(parts.flatMap(({ past, rows }) => [...rowsAt(past, rows, values)]))
    return (
      sameBits(forwardTogether(parts, gathered(hidden)), gathered(whole.rows)) &&
      parts.every(({ cache, past, rows }) => sameBits(cache.export(), wholeUntil(past + rows)))
    )
  })
}

/** As {@link selfProbe}, for a graph without attention: the head. */
export function selfProbeHead(
  compute: (hidden: Float32Array, padding: RowPadding) => Float32Array,
  hiddenSize: number,
): RowPadding | null {
  const count = 6
  const hidden = seededValues(2, count * hiddenSize, 1)
  const grouped = (padding: RowPadding, sizes: readonly number[]): Float32Array[] => {
    let row = 0
    return sizes.map((size) =>
      compute(hidden.subarray(row * hiddenSize, (row += size) * hiddenSize), padding),
    )
  }
  const invariant = (padding: RowPadding): boolean => {
    const whole = compute(hidden, padding)
    return [
      [1, 1, 1, 1, 1, 1],
      [2, 3, 1],
      [5, 1],
    ].every((sizes) => {
      let at = 0
      return grouped(padding, sizes).every((rows) => sameBits(rows, whole.subarray(at, (at += rows.length))))
    })
  }
  return rowPaddings.find(invariant) ?? null
}
