import { ModelError } from '../../error.ts'
import { asObject, fieldOf, type JsonObject } from '../../json-fields.ts'
import { toBase64 } from '../encoding/base64.ts'
import { readSentencePieceModel, type SentencePieceModel } from './model-file.ts'
import { pieceTokenizer } from './piece-tokenizer.ts'
import { pieceTypes } from './piece-types.ts'

/**
 * tokenizer.json of a model that was published with `tokenizer.model` alone: the ids are those of SentencePiece, and added
 * tokens are those of tokenizer_config.json.
 *
 * @param configured added tokens of tokenizer_config.json
 * @throws {ModelError} `bad-model`, `unsupported-model`
 */
export function sentencePieceTokenizer(
  bytes: Uint8Array,
  config: JsonObject,
  configured: readonly JsonObject[],
): JsonObject {
  const model = readSentencePieceModel(bytes)
  if (model.modelType !== 1 && model.modelType !== 2)
    throw new ModelError(
      'unsupported-model',
      `SentencePiece models of type ${model.modelType} are not supported`,
    )
  if (model.spaceBehind)
    throw new ModelError(
      'unsupported-model',
      'SentencePiece models with spaces behind words are not supported',
    )
  const json = pieceTokenizer(model, {
    kind: model.modelType === 1 ? 'unigram' : 'bpe',
    byteFallback: model.byteFallback,
    charsmap: model.charsmap.byteLength === 0 ? null : toBase64(model.charsmap),
    // Tokenizers of transformers put a space behind every added token too, unless they are told not to (`legacy`).
    spaceBefore: model.spaceBefore ? (fieldOf(config, 'legacy') === false ? 'first' : 'always') : 'never',
    mergesSpaces: model.mergesSpaces,
  })
  return {
    ...json,
    added_tokens: addedTokens(model, configured),
    post_processor: surroundings(model, config),
  }
}

/** Control, unknown and user-defined pieces stand for themselves; the config may say more about them, and has others. */
function addedTokens({ tokens, types }: SentencePieceModel, configured: readonly JsonObject[]): JsonObject[] {
  const { unknown, control, userDefined } = pieceTypes
  const own = tokens.flatMap((content, id): JsonObject[] => {
    const type = types[id]
    if (content === '' || (type !== unknown && type !== control && type !== userDefined)) return []
    return [{ id, content, special: type !== userDefined, normalized: false }]
  })
  const known = new Set(configured.map((token) => fieldOf(token, 'id')))
  return [...own.filter(({ id }) => !known.has(id)), ...configured]
}

function surroundings(model: SentencePieceModel, config: JsonObject): JsonObject | null {
  const wanted = (key: string, byDefault: boolean): boolean => {
    const value = fieldOf(config, key)
    return typeof value === 'boolean' ? value : byDefault
  }
  const className = fieldOf(config, 'tokenizer_class')
  const isT5 = typeof className === 'string' && className.startsWith('T5')
  const part = (id: number, name: string, on: boolean): string[] => {
    const token = model.tokens[id]
    const named = fieldOf(config, name)
    const text =
      typeof named === 'object' && named !== null ? fieldOf(asObject(named, name), 'content') : named
    return on && token !== undefined && (text === undefined || text === token) ? [token] : []
  }
  const before = part(model.beginningId, 'bos_token', wanted('add_bos_token', !isT5))
  const behind = part(model.endId, 'eos_token', wanted('add_eos_token', isT5))
  if (before.length + behind.length === 0) return null
  const special = (token: string): JsonObject => ({ SpecialToken: { id: token, type_id: 0 } })
  return {
    type: 'TemplateProcessing',
    single: [...before.map(special), { Sequence: { id: 'A', type_id: 0 } }, ...behind.map(special)],
    pair: [],
    special_tokens: Object.fromEntries(
      [...before, ...behind].map((token) => [
        token,
        { id: token, ids: [model.tokens.indexOf(token)], tokens: [token] },
      ]),
    ),
  }
}
