import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { ModelError } from '../../error.ts'
import { asObject, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { escapedPattern } from './added-tokens.ts'

/**
 * The `pattern` field of a section: a text, or a regular expression in the syntax of Oniguruma, which
 * @huggingface/tokenizers translates.
 *
 * @throws {ModelError} `unsupported-model` for an expression that cannot be translated, `bad-model`
 */
export function patternOf(section: JsonObject): RegExp {
  const pattern = asObject(fieldOf(section, 'pattern'), 'a pattern of tokenizer.json')
  const text = fieldOf(pattern, 'String')
  if (typeof text === 'string') return new RegExp(escapedPattern(text), 'gu')
  const expression = fieldOf(pattern, 'Regex')
  if (typeof expression !== 'string')
    throw new ModelError('bad-model', `a pattern of tokenizer.json is ${show(pattern)}`)
  try {
    return translated(expression)
  } catch (cause) {
    throw new ModelError('unsupported-model', `the tokenizer's pattern ${show(expression)} cannot be used`, {
      cause,
    })
  }
}

/** The library translates the pattern of a pre-tokenizer when it makes one; it exports no types for those alone. */
function translated(expression: string): RegExp {
  const library = new LibraryTokenizer(
    {
      model: { type: 'BPE', vocab: {}, merges: [] },
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'Split', pattern: { Regex: expression }, behavior: 'Isolated', invert: false },
      post_processor: null,
      decoder: null,
    },
    {},
  ) as { readonly pre_tokenizer: { readonly pattern: RegExp } }
  return library.pre_tokenizer.pattern
}
