import { ModelError } from '../error.ts'
import { asObject, checkInteger, fieldOf, parseJson, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'

/** tokenizer.json and tokenizer_config.json, found or assembled. */
export interface TokenizerFiles {
  readonly tokenizer: JsonObject
  readonly config: JsonObject
}

/**
 * Finds tokenizer.json, or assembles one from vocab.json, merges.txt and tokenizer_config.json (GPT-2 and Qwen2 were
 * published so). Null when a model has no tokenizer.
 *
 * @throws {ModelError} `bad-model` for broken files, `unsupported-model` for a tokenizer class we cannot assemble
 */
export function tokenizerFiles(assets: ReadonlyMap<string, Uint8Array>): TokenizerFiles | null {
  const json = (name: string): JsonObject | null => {
    const bytes = assets.get(name)
    return bytes === undefined ? null : asObject(parseJson(bytes, name), name)
  }
  const config = json('tokenizer_config.json')
  const tokenizer = json('tokenizer.json')
  if (tokenizer !== null) return { tokenizer: complete(tokenizer), config: config ?? {} }
  const vocabulary = json('vocab.json')
  const merges = assets.get('merges.txt')
  if (vocabulary === null || merges === undefined) return null
  return { tokenizer: complete(assemble(vocabulary, merges, config ?? {})), config: config ?? {} }
}

/**
 * How the classes of transformers split text before the merges. The patterns are those of their fast tokenizers
 * (`convert_slow_tokenizer.py`, `GPT2Converter` and `Qwen2Converter`).
 */
const assembled: Readonly<
  Record<string, { normalizer: JsonObject | null; preTokenizer: (addPrefixSpace: boolean) => JsonObject }>
> = {
  GPT2Tokenizer: {
    normalizer: null,
    preTokenizer: (addPrefixSpace) => ({
      type: 'ByteLevel',
      add_prefix_space: addPrefixSpace,
      trim_offsets: true,
      use_regex: true,
    }),
  },
  Qwen2Tokenizer: {
    normalizer: { type: 'NFC' },
    preTokenizer: (addPrefixSpace) => ({
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
          },
          behavior: 'Isolated',
          invert: false,
        },
        { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: false, use_regex: false },
      ],
    }),
  },
}

function assemble(vocabulary: JsonObject, merges: Uint8Array, config: JsonObject): JsonObject {
  const className = fieldOf(config, 'tokenizer_class')
  const plan =
    typeof className === 'string' && Object.hasOwn(assembled, className.replace(/Fast$/, ''))
      ? assembled[className.replace(/Fast$/, '')]
      : undefined
  if (plan === undefined) {
    throw new ModelError(
      'unsupported-model',
      `there is no tokenizer.json, and tokenizer_class ${show(className)} cannot be assembled from vocab.json and merges.txt; ${Object.keys(assembled).join(' and ')} can`,
    )
  }
  return {
    added_tokens: addedTokens(config),
    normalizer: plan.normalizer,
    pre_tokenizer: plan.preTokenizer(fieldOf(config, 'add_prefix_space') === true),
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: { type: 'BPE', vocab: vocabulary, merges: parseMerges(merges) },
  }
}

/** One pair a line, best first; a first line may name the version. */
function parseMerges(bytes: Uint8Array): [string, string][] {
  const lines = new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
  const pairs = lines.filter((line, index) => line !== '' && !(index === 0 && line.startsWith('#version')))
  return pairs.map((line) => {
    const [first, second, ...rest] = line.split(' ')
    if (first === undefined || second === undefined || rest.length > 0)
      throw new ModelError('bad-model', `merges.txt has the line ${show(line)}, which is not a pair`)
    return [first, second]
  })
}

function addedTokens(config: JsonObject): JsonObject[] {
  const decoder = fieldOf(config, 'added_tokens_decoder')
  if (decoder === undefined) return []
  return Object.entries(asObject(decoder, 'added_tokens_decoder')).map(([id, token]) => ({
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
    ...asObject(token, `added token ${show(id)}`),
    id: Number(id),
  }))
}

/** Gives the sections that old files leave out, and checks the ids: they become indices of arrays. */
function complete(tokenizer: JsonObject): JsonObject {
  const model = asObject(fieldOf(tokenizer, 'model'), 'the model section of tokenizer.json')
  // Old files leave the type out; only byte-pair encoding has merges.
  const type = fieldOf(model, 'type') ?? (fieldOf(model, 'merges') === undefined ? undefined : 'BPE')
  if (type !== 'BPE')
    throw new ModelError('unsupported-model', `tokenizers of type ${show(type)} are not supported; BPE is`)
  const vocabulary = fieldOf(model, 'vocab')
  const entries = Object.values(asObject(vocabulary, 'the vocabulary of tokenizer.json'))
  const added = fieldOf(tokenizer, 'added_tokens') ?? []
  if (!Array.isArray(added)) throw new ModelError('bad-model', 'added_tokens of tokenizer.json is not a list')
  if (entries.length + added.length > limits.vocabularySizeMax)
    throw new ModelError(
      'bad-model',
      `tokenizer.json has ${entries.length} entries, more than ${limits.vocabularySizeMax}`,
    )
  for (const id of entries) checkInteger(id, 'a token id', 0, limits.vocabularySizeMax)
  for (const token of added as unknown[]) {
    const object = asObject(token, 'an added token')
    checkInteger(fieldOf(object, 'id'), 'the id of an added token', 0, limits.vocabularySizeMax)
    const content = fieldOf(object, 'content')
    if (typeof content !== 'string' || content === '')
      throw new ModelError('bad-model', `an added token has the text ${show(content)}`)
  }
  return {
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...tokenizer,
    model: { ...model, type },
    added_tokens: added,
  }
}
