import { ModelError } from '../../error.ts'
import { fieldOf, show, type JsonObject } from '../../json-fields.ts'
import type { Vocabulary, WordEncoder } from './vocabulary.ts'

/**
 * BERT's model: a word is cut into the longest tokens from left to right, or is unknown.
 * @throws {ModelError} `bad-model`
 */
export function createWordPiece(section: JsonObject, vocabulary: Vocabulary): WordEncoder {
  const prefix = fieldOf(section, 'continuing_subword_prefix') ?? '##'
  const charactersMax = fieldOf(section, 'max_input_chars_per_word') ?? 100
  const { ids, unknownId } = vocabulary
  if (typeof prefix !== 'string' || typeof charactersMax !== 'number' || unknownId === null)
    throw new ModelError(
      'bad-model',
      `the WordPiece model has the prefix ${show(prefix)}, or no unknown token`,
    )
  const longest = [...ids.keys()].reduce((most, token) => Math.max(most, token.length), 0)
  return (word) => {
    const characters = Array.from(word)
    if (characters.length > charactersMax) return [unknownId]
    const result: number[] = []
    for (let start = 0; start < characters.length;) {
      let end = Math.min(characters.length, start + longest)
      let id: number | undefined
      for (; end > start; end--) {
        id = ids.get((start > 0 ? prefix : '') + characters.slice(start, end).join(''))
        if (id !== undefined) break
      }
      if (id === undefined) return [unknownId]
      result.push(id)
      start = end
    }
    return result
  }
}
