import { ModelError } from '../error.ts'
import { asObject, fieldOf, parseJson, show, type JsonObject } from '../json-fields.ts'
import { sentencePieceTokenizer } from './sentencepiece/sentence-piece-tokenizer.ts'

/** tokenizer.json and tokenizer_config.json, found or assembled. */
export interface TokenizerFiles {
  readonly tokenizer: JsonObject
  readonly config: JsonObject
}

/**
 * Finds tokenizer.json, or assembles one from vocab.json, merges.txt and tokenizer_config.json (GPT-2 and Qwen2 were
 * published so), or from a SentencePiece `tokenizer.model`. Null when a model has no tokenizer.
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
  if (tokenizer !== null) return { tokenizer: tokenizer, config: config ?? {} }
  const vocabulary = json('vocab.json')
  const merges = assets.get('merges.txt')
  const sentencePiece = assets.get('tokenizer.model')
  if (vocabulary === null || merges === undefined) {
    if (sentencePiece === undefined) return null
    return {
      tokenizer: sentencePieceTokenizer(sentencePiece, config ?? {}, addedTokens(config ?? {})),
      config: config ?? {},
    }
  }
  return { tokenizer: assemble(vocabulary, merges, config ?? {}), config: config ?? {} }
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

/** `added_tokens_decoder` of tokenizer_config.json as added tokens. */
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
