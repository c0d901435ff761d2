import { ModelError } from '../../error.ts'
import { fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { MergeQueue } from './merge-queue.ts'
import { byteTokens, type Vocabulary, type WordEncoder } from './vocabulary.ts'

/** Longest words whose ids are cached, in characters: most of a text consists of few different words. */
const cachedCharactersMax = 64
const cachedWordsMax = 10_000

/**
 * Byte-pair encoding: neighbours are joined, the pair of the lowest rank first, the leftmost of equal ones.
 * @throws {ModelError} `bad-model`
 */
export function createBytePairs(section: JsonObject, vocabulary: Vocabulary): WordEncoder {
  const prefix = affix(section, 'continuing_subword_prefix')
  const suffix = affix(section, 'end_of_word_suffix')
  const merges = readMerges(section, vocabulary, prefix)
  const bytes = fieldOf(section, 'byte_fallback') === true ? byteTokens(vocabulary) : null
  const wholeWords = fieldOf(section, 'ignore_merges') === true
  const fuses = fieldOf(section, 'fuse_unk') === true
  const unknownId = vocabulary.unknownId
  const cache = new Map<string, readonly number[]>()

  const symbolsOf = (word: string): number[] => {
    const ids: number[] = []
    const characters = Array.from(word)
    let unknownBefore = false
    for (const [index, character] of characters.entries()) {
      const text = (index > 0 ? prefix : '') + character + (index === characters.length - 1 ? suffix : '')
      const id = vocabulary.ids.get(text)
      const fallback = id === undefined ? (bytes?.(text) ?? null) : null
      if (id !== undefined) ids.push(id)
      else if (fallback !== null) ids.push(...fallback)
      else if (unknownId !== null && !(fuses && unknownBefore)) ids.push(unknownId)
      unknownBefore = id === undefined && fallback === null
    }
    return ids
  }
  const encode = (word: string): readonly number[] => {
    const whole = wholeWords ? vocabulary.ids.get(word) : undefined
    return whole === undefined ? merged(symbolsOf(word), merges) : [whole]
  }
  return (word) => {
    if (word.length > cachedCharactersMax) return encode(word)
    const known = cache.get(word)
    if (known !== undefined) return known
    const ids = encode(word)
    if (cache.size >= cachedWordsMax) cache.clear()
    cache.set(word, ids)
    return ids
  }
}

interface Merges {
  /** Rank of a pair of ids, by {@link pairKey}. */
  readonly ranks: ReadonlyMap<number, number>
  /** Id of the joined pair, by rank. */
  readonly joined: Int32Array
}

/** Ids are below 2^21, so that two of them fit into an exact integer. */
function pairKey(left: number, right: number): number {
  return left * limits.vocabularySizeMax * 2 + right
}

function readMerges(section: JsonObject, vocabulary: Vocabulary, prefix: string): Merges {
  const list = fieldOf(section, 'merges') ?? []
  if (!Array.isArray(list)) throw new ModelError('bad-model', 'the merges of tokenizer.json are no list')
  if (list.length > limits.mergesMax)
    throw new ModelError('bad-model', `${list.length} merges are more than ${limits.mergesMax}`)
  const ranks = new Map<number, number>()
  const joined = new Int32Array(list.length)
  for (const [rank, entry] of (list as unknown[]).entries()) {
    const [first, second] = pairOf(entry)
    const [left, right] = [vocabulary.all.get(first), vocabulary.all.get(second)]
    const text = first + second.slice(prefix.length)
    const whole = vocabulary.all.get(text)
    if (left === undefined || right === undefined || whole === undefined)
      throw new ModelError('bad-model', `the merge ${show(entry)} of tokenizer.json has no token`)
    joined[rank] = whole
    // A pair that would make a control token is left out: only the token's own text in a template becomes that token.
    if (vocabulary.ids.has(text)) ranks.set(pairKey(left, right), rank)
  }
  return { ranks, joined }
}

function pairOf(entry: unknown): readonly [string, string] {
  const pair: unknown[] = typeof entry === 'string' ? entry.split(' ') : Array.isArray(entry) ? entry : []
  const [first, second] = pair
  if (pair.length === 2 && typeof first === 'string' && typeof second === 'string') return [first, second]
  throw new ModelError('bad-model', `the merge ${show(entry)} of tokenizer.json is not a pair`)
}

function affix(section: JsonObject, key: string): string {
  const value = fieldOf(section, key) ?? ''
  if (typeof value === 'string') return value
  throw new ModelError('bad-model', `${key} of tokenizer.json is ${show(value)}`)
}

/** Joins pairs until none is left that has a rank. */
function merged(ids: number[], { ranks, joined }: Merges): readonly number[] {
  const count = ids.length
  const next = Int32Array.from({ length: count }, (_, index) => index + 1)
  const previous = Int32Array.from({ length: count }, (_, index) => index - 1)
  const queue = new MergeQueue()
  const rankAt = (at: number): number | undefined => {
    const right = next[at] ?? count
    return right >= count ? undefined : ranks.get(pairKey(ids[at] ?? 0, ids[right] ?? 0))
  }
  const offer = (at: number): void => {
    const rank = at < 0 ? undefined : rankAt(at)
    if (rank !== undefined) queue.push(rank, at)
  }
  for (let at = 0; at < count - 1; at++) offer(at)
  for (let top = queue.pop(); top !== null; top = queue.pop()) {
    const { rank, at } = top
    // The pair at this place may have changed since.
    if (ids[at] === -1 || rankAt(at) !== rank) continue
    const right = next[at] ?? count
    const behind = next[right] ?? count
    ids[at] = joined[rank] ?? 0
    ids[right] = -1
    next[at] = behind
    if (behind < count) previous[behind] = at
    offer(previous[at] ?? -1)
    offer(at)
  }
  return ids.filter((id) => id >= 0)
}
