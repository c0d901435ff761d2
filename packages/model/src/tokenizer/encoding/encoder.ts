import { ModelError } from '../../error.ts'
import { asObject, checkInteger, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { controlBreaker, withoutBreakers } from '../control-text.ts'
import { createAddedTokenFinder, type AddedToken, type TextSection } from './added-tokens.ts'
import { createModel, type ReadVocabulary } from './models.ts'
import { createNormalizer, type Normalize } from './normalizers.ts'
import { readSurroundings } from './post-processors.ts'
import { createPreTokenizer } from './pre-tokenizers.ts'

/** Text to ids, as the tokenizers library does with the same tokenizer.json. */
export interface Encoder {
  /** @param addSpecialTokens puts the ids of the post-processor around those of the text */
  encode(text: string, addSpecialTokens: boolean): number[]
  /** Tokens by id, added ones included. */
  readonly tokens: readonly (string | undefined)[]
  readonly added: readonly AddedToken[]
  /** Added tokens that ordinary text never becomes. */
  readonly control: readonly AddedToken[]
  readonly normalize: Normalize
}

/**
 * @param tokenizer tokenizer.json
 * @param isControl which added tokens ordinary text never becomes
 * @throws {ModelError} `unsupported-model` with the name of the section, `bad-model`
 */
export function createEncoder(tokenizer: JsonObject, isControl: (token: AddedToken) => boolean): Encoder {
  const added = readAddedTokens(tokenizer)
  const control = added.filter(isControl)
  const { vocabulary, encodeWord } = createModel(tokenizer, new Set(control.map(({ id }) => id)))
  const normalize = createNormalizer(fieldOf(tokenizer, 'normalizer'))
  const preTokenize = createPreTokenizer(fieldOf(tokenizer, 'pre_tokenizer'))
  const { before, behind } = readSurroundings(fieldOf(tokenizer, 'post_processor'))
  const stored = createAddedTokenFinder(
    added.filter(({ normalized }) => !normalized).map((token) => [token.content, token]),
  )
  const normalized = createAddedTokenFinder(
    added.filter((token) => token.normalized).map((token) => [normalize(token.content), token]),
  )
  const encodeText = (section: TextSection, first: boolean): readonly number[] => {
    const text = withoutBreakers(section.text)
    return text === '' ? [] : preTokenize(text, first && section.start === 0).flatMap(encodeWord)
  }
  const idsOf = (text: string): number[] =>
    stored.split(text).flatMap((section) => {
      if ('id' in section) return [section.id]
      return normalized
        .split(normalize(section.text))
        .flatMap((part) => ('id' in part ? [part.id] : encodeText(part, section.start === 0)))
    })
  return {
    encode(text, addSpecialTokens) {
      const ids = idsOf(text)
      if (!addSpecialTokens) return ids
      // A prompt that begins with the BOS token gets no second one.
      const begun = before.length > 0 && before.every((id, index) => ids[index] === id)
      return [...(begun ? [] : before), ...ids, ...behind]
    },
    tokens: tokensById(vocabulary, added),
    added,
    control,
    normalize,
  }
}

function readAddedTokens(tokenizer: JsonObject): AddedToken[] {
  const list = fieldOf(tokenizer, 'added_tokens') ?? []
  if (!Array.isArray(list)) throw new ModelError('bad-model', 'added_tokens of tokenizer.json is not a list')
  if (list.length > limits.vocabularySizeMax)
    throw new ModelError('bad-model', `${list.length} added tokens are more than ${limits.vocabularySizeMax}`)
  return (list as unknown[]).map((token) => {
    const object = asObject(token, 'an added token')
    const content = fieldOf(object, 'content')
    if (typeof content !== 'string' || content === '' || content.includes(controlBreaker))
      throw new ModelError('bad-model', `an added token has the text ${show(content)}`)
    const on = (key: string): boolean => fieldOf(object, key) === true
    const special = on('special')
    const normalized = fieldOf(object, 'normalized')
    return {
      id: checkInteger(fieldOf(object, 'id'), 'the id of an added token', 0, limits.vocabularySizeMax - 1),
      content,
      special,
      normalized: typeof normalized === 'boolean' ? normalized : !special,
      singleWord: on('single_word'),
      stripsLeft: on('lstrip'),
      stripsRight: on('rstrip'),
    }
  })
}

function tokensById(vocabulary: ReadVocabulary, added: readonly AddedToken[]): (string | undefined)[] {
  const tokens: (string | undefined)[] = []
  for (const [token, id] of vocabulary) tokens[id] = token
  for (const { id, content } of added) tokens[id] = content
  // A list with holes is slow to send to another thread.
  return Array.from(tokens)
}
