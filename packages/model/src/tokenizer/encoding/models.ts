import { ModelError } from '../../error.ts'
import { asObject, checkInteger, checkNumber, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { createBytePairs } from './byte-pairs.ts'
import { createUnigram } from './unigram.ts'
import { idOfUnknown, type Vocabulary, type WordEncoder } from './vocabulary.ts'
import { createWordPiece } from './word-piece.ts'

/** Token to id. */
export type ReadVocabulary = ReadonlyMap<string, number>

/**
 * The model section of a tokenizer.json.
 * @param control ids that ordinary text never becomes
 * @throws {ModelError} `unsupported-model` for an unknown type, `bad-model`
 */
export function createModel(
  tokenizer: JsonObject,
  control: ReadonlySet<number>,
): { readonly vocabulary: ReadVocabulary; readonly encodeWord: WordEncoder } {
  const section = asObject(fieldOf(tokenizer, 'model'), 'the model section of tokenizer.json')
  const type = typeOf(section)
  const { all, scores } = type === 'Unigram' ? readScored(section) : readIds(section)
  const unmatched = new Set([...control, ...unmatchedOf(section)])
  const ids = new Map([...all].filter(([, id]) => !unmatched.has(id)))
  const vocabulary: Vocabulary = { ids, all, unknownId: unknownOf(section, type, all) }
  switch (type) {
    case 'BPE':
      return { vocabulary: all, encodeWord: createBytePairs(section, vocabulary) }
    case 'WordPiece':
      return { vocabulary: all, encodeWord: createWordPiece(section, vocabulary) }
    case 'Unigram': {
      const fallback = fieldOf(section, 'byte_fallback') === true
      return { vocabulary: all, encodeWord: createUnigram(vocabulary, scores, fallback) }
    }
    default:
      throw new ModelError(
        'unsupported-model',
        `tokenizers of type ${show(type)} are not supported; BPE, WordPiece and Unigram are`,
      )
  }
}

/** Old files leave the type out; only byte-pair encoding has merges, and only Unigram a list of pieces. */
function typeOf(section: JsonObject): unknown {
  const type = fieldOf(section, 'type')
  if (type !== undefined) return type
  if (Array.isArray(fieldOf(section, 'vocab'))) return 'Unigram'
  if (fieldOf(section, 'merges') !== undefined) return 'BPE'
  return fieldOf(section, 'continuing_subword_prefix') === undefined ? undefined : 'WordPiece'
}

function readIds(section: JsonObject): { all: Map<string, number>; scores: readonly number[] } {
  const entries = Object.entries(asObject(fieldOf(section, 'vocab'), 'the vocabulary of tokenizer.json'))
  checkSize(entries.length)
  const all = new Map<string, number>()
  for (const [token, id] of entries)
    all.set(token, checkInteger(id, 'a token id', 0, limits.vocabularySizeMax - 1))
  return { all, scores: [] }
}

/** Pairs of text and score; their places are the ids. */
function readScored(section: JsonObject): { all: Map<string, number>; scores: readonly number[] } {
  const list = fieldOf(section, 'vocab')
  if (!Array.isArray(list))
    throw new ModelError('bad-model', 'the vocabulary of tokenizer.json is not a list')
  checkSize(list.length)
  const all = new Map<string, number>()
  const scores = (list as unknown[]).map((entry, id) => {
    const [piece, score] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof piece !== 'string')
      throw new ModelError('bad-model', `the vocabulary has the entry ${show(entry)}`)
    if (!all.has(piece)) all.set(piece, id)
    return checkNumber(score, 'the score of a token', -1e9, 1e9)
  })
  return { all, scores }
}

function checkSize(entries: number): void {
  if (entries > limits.vocabularySizeMax)
    throw new ModelError(
      'bad-model',
      `tokenizer.json has ${entries} entries, more than ${limits.vocabularySizeMax}`,
    )
}

function unknownOf(section: JsonObject, type: unknown, all: ReadVocabulary): number | null {
  if (type !== 'Unigram') return idOfUnknown(all, fieldOf(section, 'unk_token'))
  const id = fieldOf(section, 'unk_id') ?? null
  return id === null ? null : checkInteger(id, 'unk_id', 0, Math.max(0, all.size - 1))
}

/** A field of ours, for tokenizers made from SentencePiece models: ids of pieces that no text becomes. */
function unmatchedOf(section: JsonObject): number[] {
  const list = fieldOf(section, 'unmatched') ?? []
  if (!Array.isArray(list)) throw new ModelError('bad-model', 'unmatched of tokenizer.json is not a list')
  return (list as unknown[]).filter((id) => typeof id === 'number')
}
