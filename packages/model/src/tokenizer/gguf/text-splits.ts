import { ModelError } from '../../error.ts'
import { show, type JsonObject } from '../../json-fields.ts'

/** How a tokenizer splits a text before the merges. */
export interface TextSplits {
  readonly normalizer: JsonObject | null
  /** Pre-tokenizers of tokenizer.json. */
  readonly splits: readonly JsonObject[]
  /** A piece that is a token is not split by merges (`ignore_merges`). */
  readonly wholeWords: boolean
  /** Texts begin with the BOS token, unless the file says otherwise. */
  readonly beginning: boolean
}

const split = (pattern: string): JsonObject => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})

const contractions = String.raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`
const wordsAndSpaces = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
const llama3 = String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${wordsAndSpaces}`
const qwen2 = String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${wordsAndSpaces}`

const plain = (patterns: readonly string[], others: Partial<TextSplits> = {}): TextSplits => ({
  normalizer: null,
  splits: patterns.map(split),
  wholeWords: false,
  beginning: false,
  ...others,
})

const digitsThenGpt2 = plain([String.raw`\p{N}`, gpt2])
const llama3Splits = plain([llama3], { wholeWords: true, beginning: true })
const qwen2Splits = plain([qwen2], { normalizer: { type: 'NFC' } })
const falcon = plain([
  '[\\p{P}\\$\\+<=>\\^~\\|`]+',
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`,
  '[0-9][0-9][0-9]',
])

/** By `tokenizer.ggml.pre`, as `llama-vocab.cpp` of llama.cpp reads it. */
const byName: Readonly<Record<string, TextSplits>> = {
  'gpt-2': plain([gpt2]),
  olmo: plain([gpt2]),
  falcon,
  starcoder: digitsThenGpt2,
  refact: digitsThenGpt2,
  'command-r': digitsThenGpt2,
  smollm: digitsThenGpt2,
  'llama-bpe': llama3Splits,
  llama3: llama3Splits,
  'smaug-bpe': plain([llama3]),
  dbrx: plain([llama3]),
  qwen2: qwen2Splits,
  'deepseek-r1-qwen': qwen2Splits,
}

/** @throws {ModelError} `unsupported-model` for another name: other splits give other tokens */
export function splitsNamed(name: string | null): TextSplits {
  const found = name !== null && Object.hasOwn(byName, name) ? byName[name] : undefined
  if (found !== undefined) return found
  throw new ModelError(
    'unsupported-model',
    `the tokenizer of this GGUF file splits texts as ${show(name)}, which is not supported; these are: ${Object.keys(byName).join(', ')}`,
  )
}
