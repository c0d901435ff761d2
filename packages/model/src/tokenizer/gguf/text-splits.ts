import { ModelError } from '../../error.ts'
import { show, type JsonObject } from '../../json-fields.ts'
import * as patterns from './split-patterns.ts'

/** How a tokenizer splits a text before the merges. */
export interface TextSplits {
  readonly normalizer: JsonObject | null
  /** Pre-tokenizers of tokenizer.json. */
  readonly splits: readonly JsonObject[]
  /** A piece that is a token is not split by merges (`ignore_merges`). */
  readonly wholeWords: boolean
  /** Texts begin with the BOS token, unless the file says otherwise. */
  readonly beginning: boolean
  /** Texts end with the separator, unless the file says otherwise. */
  readonly separator: boolean
}

const split = (pattern: string): JsonObject => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})

const plain = (expressions: readonly string[], others: Partial<TextSplits> = {}): TextSplits => ({
  normalizer: null,
  splits: expressions.map(split),
  wholeWords: false,
  beginning: false,
  separator: false,
  ...others,
})

const composed = { normalizer: { type: 'NFC' } }
const wholeWords = { wholeWords: true }
const asLlama3 = { wholeWords: true, beginning: true }

const kinds: readonly (readonly [names: string, splits: TextSplits])[] = [
  [
    'gpt-2 phi-2 olmo mpt jais trillion granite-docling exaone4 gigachat mellum modern-bert a.x-4.0 jina-es jina-de jina-v2-es jina-v2-de',
    plain([patterns.gpt2]),
  ],
  ['jina-v1-en jina-v2-code roberta-bpe', plain([patterns.gpt2], { separator: true })],
  ['falcon', plain([patterns.falconPunctuation, patterns.gpt2Short, '[0-9][0-9][0-9]'])],
  [
    'starcoder refact command-r smollm codeshell exaone minerva-7b mellum2',
    plain([patterns.digit, patterns.gpt2]),
  ],
  [
    'llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano',
    plain([patterns.llama3], asLlama3),
  ],
  ['smaug-bpe dbrx glm4 chatglm-bpe', plain([patterns.llama3])],
  ['qwen2 deepseek-r1-qwen kormo f2llmv2 megrez', plain([patterns.qwen2], composed)],
  ['stablelm2 hunyuan solar-open grok-2', plain([patterns.qwen2])],
  ['qwen35', plain([patterns.qwen35], composed)],
  ['deepseek-llm', plain(patterns.deepseek)],
  ['deepseek-coder', plain(patterns.deepseekCoder)],
  ['deepseek-v3 hunyuan-dense joyai-llm', plain(patterns.deepseekV3)],
  ['tekken', plain([patterns.tekken], asLlama3)],
  ['gpt-4o llama4 kanana2 minimax-m2', plain([patterns.gpt4o])],
  ['kimi-k2', plain([patterns.kimiK2])],
  ['youtu', plain(patterns.youtu, wholeWords)],
  ['tiny_aya cohere2moe', plain([patterns.digitGroups, patterns.gpt4o])],
  ['bailingmoe bailingmoe2 llada-moe', plain([patterns.bailing])],
  ['seed-coder', plain([patterns.seedCoder])],
  ['minicpm5', plain(patterns.miniCpm5, wholeWords)],
  ['laguna', plain([String.raw`[^\n]+|[\n]+`, patterns.qwen2])],
  ['poro-chat bloom gpt3-finnish', plain([patterns.bloom])],
  ['viking', plain([patterns.bloom, patterns.digit])],
]

/** By `tokenizer.ggml.pre`, as `llama-vocab.cpp` of llama.cpp reads it. */
const byName = new Map(
  kinds.flatMap(([names, splits]) => names.split(' ').map((name) => [name, splits] as const)),
)

/** @throws {ModelError} `unsupported-model` for another name: other splits give other tokens */
export function splitsNamed(name: string | null): TextSplits {
  const found = name === null ? undefined : byName.get(name)
  if (found !== undefined) return found
  throw new ModelError(
    'unsupported-model',
    `the tokenizer of this GGUF file splits texts as ${show(name)}, which is not supported; these are: ${[...byName.keys()].join(', ')}`,
  )
}
