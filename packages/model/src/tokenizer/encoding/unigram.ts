import { PieceSearch } from './piece-search.ts'
import { byteTokens, type Vocabulary, type WordEncoder } from './vocabulary.ts'

/** What an unknown character costs below the worst piece (SentencePiece, `kUnkPenalty`). */
const unknownPenalty = 10

/** SentencePiece's unigram model: the pieces whose scores have the largest sum. */
export function createUnigram(
  vocabulary: Vocabulary,
  scores: readonly number[],
  byteFallback: boolean,
): WordEncoder {
  const bytes = byteFallback ? byteTokens(vocabulary) : null
  const isByte = byteFallback ? /^<0x[0-9A-F]{2}>$/ : /^(?!)/
  const search = new PieceSearch(new Map([...vocabulary.ids].filter(([piece]) => !isByte.test(piece))))
  const unknownId = vocabulary.unknownId ?? -1
  const unknownScore = scores.reduce((least, score) => Math.min(least, score), Infinity) - unknownPenalty
  return (text) => {
    const best = bestPath(text, search, scores, unknownScore)
    const ids: number[] = []
    let unknown = ''
    const flush = (): void => {
      if (unknown === '') return
      // A run of unknown characters is one unknown token, or its bytes.
      const fallback = bytes?.(unknown) ?? null
      if (fallback !== null) ids.push(...fallback)
      else if (unknownId >= 0) ids.push(unknownId)
      unknown = ''
    }
    for (const { id, from, to } of best) {
      if (id < 0) {
        unknown += text.slice(from, to)
        continue
      }
      flush()
      ids.push(id)
    }
    flush()
    return ids
  }
}

interface Piece {
  /** -1 for an unknown character. */
  readonly id: number
  readonly from: number
  readonly to: number
}

function bestPath(
  text: string,
  search: PieceSearch,
  scores: readonly number[],
  unknownScore: number,
): Piece[] {
  const sums = new Float64Array(text.length + 1).fill(-Infinity)
  const starts = new Int32Array(text.length + 1).fill(-1)
  const pieceIds = new Int32Array(text.length + 1).fill(-1)
  sums[0] = 0
  const reach = (from: number, to: number, score: number, id: number): void => {
    if (starts[to] !== -1 && score <= (sums[to] ?? 0)) return
    sums[to] = score
    starts[to] = from
    pieceIds[to] = id
  }
  for (let at = 0; at < text.length;) {
    const before = sums[at] ?? 0
    const width = (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
    let single = false
    search.forEachAt(text, at, (id, length) => {
      // Half of a character is no piece.
      if (length < width) return
      reach(at, at + length, before + (scores[id] ?? 0), id)
      single ||= length === width
    })
    if (!single) reach(at, at + width, before + unknownScore, -1)
    at += width
  }
  const path: Piece[] = []
  for (let to = text.length; to > 0; to = starts[to] ?? 0)
    path.push({ id: pieceIds[to] ?? -1, from: starts[to] ?? 0, to })
  return path.toReversed()
}
