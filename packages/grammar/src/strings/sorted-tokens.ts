import type { VocabularyBytes } from '../matching/matcher-calls.ts'
import { empty, nothing, type ByteExpressions, type Id } from './byte-expressions.ts'

/** Tokens in the order of their bytes, so that what they have in common at their beginning is walked once. */
export interface SortedTokens {
  readonly ids: Int32Array
  /** How many bytes each has in common with the one before. */
  readonly common: Int32Array
  readonly lengthMax: number
}

/** The tokens of `vocabulary` with at least one byte and a length that `wanted` takes. */
export function sortTokens(vocabulary: VocabularyBytes, wanted: (length: number) => boolean): SortedTokens {
  const { bytes, ends } = vocabulary
  const found: number[] = []
  let lengthMax = 0
  for (let id = 0; id < ends.length; id += 1) {
    const length = endOf(ends, id) - startOf(ends, id)
    if (length === 0 || !wanted(length)) continue
    found.push(id)
    lengthMax = Math.max(lengthMax, length)
  }
  const shared = (a: number, b: number): number => {
    const [from, other] = [startOf(ends, a), startOf(ends, b)]
    const most = Math.min(endOf(ends, a) - from, endOf(ends, b) - other)
    let length = 0
    while (length < most && bytes[from + length] === bytes[other + length]) length += 1
    return length
  }
  const ids = Int32Array.from(found).sort((a, b) => {
    const length = shared(a, b)
    const [from, other] = [startOf(ends, a) + length, startOf(ends, b) + length]
    if (from === endOf(ends, a) || other === endOf(ends, b))
      return endOf(ends, a) - from - (endOf(ends, b) - other)
    return (bytes[from] ?? 0) - (bytes[other] ?? 0)
  })
  const common = ids.map((id, index) => (index === 0 ? 0 : shared(ids[index - 1] ?? 0, id)))
  return { ids, common, lengthMax }
}

export const startOf = (ends: Uint32Array, id: number): number => (id === 0 ? 0 : (ends[id - 1] ?? 0))
export const endOf = (ends: Uint32Array, id: number): number => ends[id] ?? 0

/** Adds the tokens with which a text of `start` may begin, or that go on behind its end, to a mask. */
export function markTokens(
  { bytes, ends }: VocabularyBytes,
  { ids, common, lengthMax }: SortedTokens,
  expressions: ByteExpressions,
  start: Id,
  mask: Int32Array,
): void {
  /** Of the token before, behind each of its bytes. */
  const states = new Int32Array(lengthMax + 1)
  /** Tables of these states: this loop takes 300,000 steps at a vocabulary of 128,256. */
  const tables: Int32Array[] = [expressions.table(start)]
  states[0] = start
  /** Behind how many bytes nothing could follow in the token before. */
  let deadBehind = Infinity
  for (let index = 0; index < ids.length; index += 1) {
    const known = common[index]!
    if (known >= deadBehind) continue
    const id = ids[index]!
    const from = id === 0 ? 0 : ends[id - 1]!
    const length = ends[id]! - from
    let state = states[known]!
    let table = tables[known]!
    deadBehind = Infinity
    for (let behind = known; behind < length; behind += 1) {
      // Behind the closing quote, the rest of the grammar decides.
      if (state !== empty) {
        const byte = bytes[from + behind]!
        let next = table[byte]!
        if (next < 0) next = expressions.next(state, byte)
        if (next === nothing) {
          deadBehind = behind + 1
          break
        }
        if (next !== state) table = expressions.table(next)
        state = next
      }
      states[behind + 1] = state
      tables[behind + 1] = table
    }
    if (deadBehind === Infinity) mask[id >>> 5]! |= 1 << (id & 31)
  }
}
