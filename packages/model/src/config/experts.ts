import { ModelError } from '../error.ts'
import {
  asObject,
  checkBoolean,
  checkInteger,
  checkNumber,
  fieldOf,
  type JsonObject,
} from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { BlockSpec } from './block-spec.ts'
import { denseBlock } from './dense-block.ts'
import type { ExpertsConfig, ModelConfig } from './model-config.ts'

/** The block of that index: a mixture of experts, unless the config names it as dense. */
export function expertsBlock(config: ModelConfig, index: number): BlockSpec {
  const dense = denseBlock(config, index)
  if (config.experts === undefined || config.experts.denseBlocks.includes(index)) return dense
  const { denseBlocks: _, ...experts } = config.experts
  return { ...dense, feedForward: { kind: 'experts', ...experts } }
}

/** The keys of config.json in which a family names its experts, and the defaults of its configuration class. */
export interface ExpertsChoices {
  /** Releases of transformers write one key or the other. */
  readonly countKeys: readonly ('num_experts' | 'num_local_experts')[]
  readonly count: number
  readonly activeCount: number
  readonly sizeKey: 'moe_intermediate_size' | 'intermediate_size'
  readonly size: number
  /** Null where the key `norm_topk_prob` decides, which is false when absent. */
  readonly normalised: boolean | null
  /** Null for families without an expert that computes every row. */
  readonly sharedSize: number | null
}

/** @throws {ModelError} `bad-model` */
export function readExperts(json: JsonObject, choices: ExpertsChoices): ExpertsConfig {
  const integer = (key: string, otherwise: number, max: number): number =>
    checkInteger(fieldOf(json, key) ?? otherwise, key, 1, max)
  const present = choices.countKeys.filter((key) => (fieldOf(json, key) ?? null) !== null)
  const counts = present.map((key) => integer(key, choices.count, limits.expertCountMax))
  if (new Set(counts).size > 1) throw new ModelError('bad-model', `${present.join(' and ')} disagree`)
  const count = counts[0] ?? choices.count
  return {
    count,
    activeCount: integer('num_experts_per_tok', choices.activeCount, count),
    size: integer(choices.sizeKey, choices.size, limits.feedForwardSizeMax),
    normalised:
      choices.normalised ?? checkBoolean(fieldOf(json, 'norm_topk_prob') ?? false, 'norm_topk_prob'),
    sharedSize:
      choices.sharedSize === null
        ? null
        : integer('shared_expert_intermediate_size', choices.sharedSize, limits.feedForwardSizeMax),
    denseBlocks: readDenseBlocks(json),
  }
}

/** Every `decoder_sparse_step`-th block has experts, except those in `mlp_only_layers`. */
function readDenseBlocks(json: JsonObject): number[] {
  const blockCount = checkInteger(
    fieldOf(json, 'num_hidden_layers'),
    'num_hidden_layers',
    1,
    limits.blockCountMax,
  )
  const step = checkInteger(
    fieldOf(json, 'decoder_sparse_step') ?? 1,
    'decoder_sparse_step',
    1,
    limits.blockCountMax,
  )
  const named: unknown = fieldOf(json, 'mlp_only_layers') ?? []
  if (!Array.isArray(named)) throw new ModelError('bad-model', 'mlp_only_layers is not a list')
  return Array.from({ length: blockCount }, (_, index) => index).filter(
    (index) => (index + 1) % step !== 0 || named.includes(index),
  )
}

/**
 * Validates the experts of a config that came from outside.
 * @throws {ModelError} `bad-model`
 */
export function checkExperts(
  value: unknown,
  { blockCount, hiddenSize }: { readonly blockCount: number; readonly hiddenSize: number },
): ExpertsConfig {
  const object = asObject(value, 'experts')
  const integer = (key: string, max: number): number => checkInteger(fieldOf(object, key), key, 1, max)
  const count = integer('count', limits.expertCountMax)
  const shared = fieldOf(object, 'sharedSize')
  const dense: unknown = fieldOf(object, 'denseBlocks')
  if (!Array.isArray(dense) || dense.length >= blockCount)
    throw new ModelError('bad-model', 'denseBlocks must be a list that leaves blocks with experts')
  const denseBlocks = dense.map((block, index) =>
    checkInteger(
      block,
      'denseBlocks, ascending,',
      index === 0 ? 0 : Number(dense[index - 1]) + 1,
      blockCount - 1,
    ),
  )
  if ((blockCount - denseBlocks.length) * count > limits.expertsOfModelMax)
    throw new ModelError('bad-model', `a model has at most ${limits.expertsOfModelMax} experts in all blocks`)
  const activeCount = integer('activeCount', Math.min(count, limits.activeExpertsMax))
  const size = integer('size', limits.feedForwardSizeMax)
  const rowValues = activeCount * Math.max(hiddenSize, 2 * size)
  if (rowValues > limits.expertRowValuesMax)
    throw new ModelError(
      'bad-model',
      `the experts of a token compute with ${rowValues} values, the limit is ${limits.expertRowValuesMax}`,
    )
  return {
    count,
    activeCount,
    size,
    normalised: checkBoolean(fieldOf(object, 'normalised'), 'normalised'),
    sharedSize: shared === null ? null : checkInteger(shared, 'sharedSize', 1, limits.feedForwardSizeMax),
    denseBlocks,
    ...checkKind(object),
  }
}

/** What the experts of some families differ in. */
function checkKind(object: JsonObject): Pick<ExpertsConfig, 'biased' | 'gateBound'> {
  const [biased, gateBound] = [fieldOf(object, 'biased'), fieldOf(object, 'gateBound')]
  return {
    ...(biased !== undefined && checkBoolean(biased, 'biased') ? { biased: true } : {}),
    ...(gateBound === undefined ? {} : { gateBound: checkNumber(gateBound, 'gateBound', 0, 1e6) }),
  }
}
