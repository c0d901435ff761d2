import type { ModelConfig } from '../../config/model-config.ts'
import { ModelError } from '../../error.ts'
import { checkConfig } from '../../families/check-config.ts'
import { familyOfArchitecture } from '../../families/registry.ts'
import { asObject, show, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import type { Metadata } from './metadata.ts'
import { endTokens } from './end-tokens.ts'

/** What the tensors of a file say about its config. */
export interface TensorFacts {
  /** Rows of the embedding. */
  readonly vocabularySize: number
  /** There is no `output.weight`. */
  readonly tiedEmbeddings: boolean
  /** Values of `rope_freqs.weight`; null without it. */
  readonly ropeFactors: readonly number[] | null
  /** Blocks that have a router, and so experts. */
  readonly expertBlocks: ReadonlySet<number>
}

/**
 * Keys behind the architecture's name that are read here, or that say nothing about the numbers. Any other key is refused
 * by name: it may belong to a variant whose text would be fluent and wrong.
 */
const knownKeys = new Set([
  'block_count',
  'context_length',
  'embedding_length',
  'feed_forward_length',
  'vocab_size',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.value_length',
  'attention.layer_norm_rms_epsilon',
  'rope.dimension_count',
  'rope.freq_base',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'rope.scaling.finetuned',
  'rope.scale_linear',
  'attention.causal',
  // llama.cpp applies it in Gemma 2 and 3 only.
  'attention.sliding_window',
  'tensor_data_layout',
])

/** Keys of mixtures of experts: converters write them with 0 into dense models too. */
const zeroKeys = new Set(['expert_count', 'expert_used_count', 'expert_shared_count', 'expert_group_count'])

/** Keys that families with experts have. */
const expertKeys = ['expert_count', 'expert_used_count', 'expert_feed_forward_length']

/**
 * The config of a GGUF model: its metadata written as the config.json of the same family, which the family then reads.
 *
 * @throws {ModelError} `unsupported-model` with the name of the architecture or key, `bad-model`
 */
export function readGgufConfig(metadata: Metadata, facts: TensorFacts): ModelConfig {
  const architecture = metadata.text('general.architecture')
  const prefix = `${architecture}.`
  const hasExperts = (metadata.number(`${prefix}expert_count`) ?? 0) > 0
  const family = familyOfArchitecture(architecture, hasExperts)
  refuseUnknownKeys(metadata, prefix, [...(family.gguf?.keys ?? []), ...(hasExperts ? expertKeys : [])])
  const number = (key: string): number | undefined => metadata.number(`${prefix}${key}`) ?? undefined
  const own = withoutUndefined(family.gguf?.fields?.(number) ?? {})
  const experts = hasExperts ? expertsJson(number, facts) : {}
  const json = { ...configJson(metadata, prefix, family.name, facts), ...experts, ...own }
  const config = asObject(family.parse(json, {}), 'the config')
  const { ropeFactors } = facts
  if (ropeFactors === null) return checkConfig(config)
  const rope = asObject(config['rope'], 'rope')
  if (rope['scaling'] !== null)
    throw new ModelError(
      'unsupported-model',
      'rope_freqs.weight beside another rope scaling is not supported',
    )
  return checkConfig({ ...config, rope: { ...rope, scaling: { type: 'factors', factors: ropeFactors } } })
}

function configJson(metadata: Metadata, prefix: string, family: string, facts: TensorFacts): JsonObject {
  const number = (key: string): number | undefined => metadata.number(`${prefix}${key}`) ?? undefined
  const headCount = perBlock(metadata, `${prefix}attention.head_count`)
  const headSize = number('attention.key_length')
  const valueSize = number('attention.value_length') ?? headSize
  if (valueSize !== headSize) refuse(`values of ${valueSize} beside keys of ${headSize} columns`)
  const width = number('embedding_length')
  const rotated = number('rope.dimension_count')
  const wholeHead =
    headSize ?? (width === undefined || headCount === undefined ? undefined : width / headCount)
  if (rotated !== undefined && rotated !== wholeHead)
    refuse(`rope.dimension_count ${rotated} of ${wholeHead}`)
  return withoutUndefined({
    model_type: family,
    hidden_size: width,
    intermediate_size: perBlock(metadata, `${prefix}feed_forward_length`),
    num_hidden_layers: number('block_count'),
    num_attention_heads: headCount,
    num_key_value_heads: perBlock(metadata, `${prefix}attention.head_count_kv`),
    head_dim: headSize,
    vocab_size: facts.vocabularySize,
    max_position_embeddings: number('context_length'),
    rms_norm_eps: number('attention.layer_norm_rms_epsilon'),
    rope_theta: number('rope.freq_base'),
    rope_scaling: ropeScaling(metadata, prefix),
    // GGUF files of Mistral do not name it, and llama.cpp applies none: the family's default would be wrong.
    sliding_window: null,
    tie_word_embeddings: facts.tiedEmbeddings,
    bos_token_id: metadata.number('tokenizer.ggml.bos_token_id') ?? undefined,
    eos_token_id: endTokens(metadata),
  })
}

/** Blocks without a router are dense: no key names them. */
function expertsJson(number: (key: string) => number | undefined, { expertBlocks }: TensorFacts): JsonObject {
  const blockCount = Math.min(number('block_count') ?? 0, limits.blockCountMax)
  return withoutUndefined({
    num_local_experts: number('expert_count'),
    num_experts_per_tok: number('expert_used_count'),
    moe_intermediate_size: number('expert_feed_forward_length'),
    mlp_only_layers: Array.from({ length: blockCount }, (_, index) => index).filter(
      (index) => !expertBlocks.has(index),
    ),
  })
}

function ropeScaling(metadata: Metadata, prefix: string): JsonObject | undefined {
  const type = metadata.text(`${prefix}rope.scaling.type`) ?? 'none'
  const factor =
    metadata.number(`${prefix}rope.scaling.factor`) ?? metadata.number(`${prefix}rope.scale_linear`)
  if (type === 'none') return factor === null || factor === 1 ? undefined : { type: 'linear', factor }
  // Other kinds of scaling have parameters in tensors, or in keys that differ between versions of the converter.
  if (type !== 'linear' && type !== 'yarn') refuse(`rope scaling ${show(type)} is not read from GGUF files`)
  return withoutUndefined({
    type,
    factor: factor ?? undefined,
    original_max_position_embeddings:
      metadata.number(`${prefix}rope.scaling.original_context_length`) ?? undefined,
  })
}

/** A number of all blocks, written once or for each of them. */
function perBlock(metadata: Metadata, key: string): number | undefined {
  const values = metadata.numbersOrNumber(key)
  if (new Set(values).size > 1) refuse(`${key} differs from block to block`)
  return values[0]
}

function refuseUnknownKeys(metadata: Metadata, prefix: string, own: readonly string[]): void {
  for (const key of metadata.keys()) {
    if (!key.startsWith(prefix)) continue
    const ending = key.slice(prefix.length)
    if (knownKeys.has(ending) || own.includes(ending)) continue
    if (zeroKeys.has(ending) && metadata.number(key) === 0) continue
    refuse(`${key} is set, which may change its numbers and is not implemented`)
  }
}

function withoutUndefined(object: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

function refuse(reason: string): never {
  throw new ModelError('unsupported-model', `this GGUF model cannot be run: ${reason}`)
}
