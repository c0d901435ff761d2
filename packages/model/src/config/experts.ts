import { ModelError } from '../error.ts'
import {
  asObject,
  checkBoolean,
  checkInteger,
  checkNumber,
  fieldOf,
  show,
  type JsonObject,
} from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { BlockSpec, GroupedRouting } from './block-spec.ts'
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
    ...checkKind(object, count, activeCount),
  }
}

/** What the experts of some families differ in. */
function checkKind(
  object: JsonObject,
  count: number,
  activeCount: number,
): Pick<ExpertsConfig, 'biased' | 'gateBound' | 'sharedUngated' | 'grouped'> {
  const [biased, gateBound] = [fieldOf(object, 'biased'), fieldOf(object, 'gateBound')]
  const [ungated, grouped] = [fieldOf(object, 'sharedUngated'), fieldOf(object, 'grouped')]
  return {
    ...(ungated !== undefined && checkBoolean(ungated, 'sharedUngated') ? { sharedUngated: true } : {}),
    ...(grouped === undefined
      ? {}
      : { grouped: checkGrouped(asObject(grouped, 'grouped'), count, activeCount) }),
    ...(biased !== undefined && checkBoolean(biased, 'biased') ? { biased: true } : {}),
    ...(gateBound === undefined ? {} : { gateBound: checkNumber(gateBound, 'gateBound', 0, 1e6) }),
  }
}

function checkGrouped(object: JsonObject, count: number, activeCount: number): GroupedRouting {
  const scores = fieldOf(object, 'scores')
  if (scores !== 'softmax' && scores !== 'sigmoid')
    throw new ModelError('bad-model', `scores of experts are softmax or sigmoid, not ${show(scores)}`)
  const groups = checkInteger(fieldOf(object, 'groups'), 'groups', 1, count)
  if (count % groups !== 0)
    throw new ModelError('bad-model', `${count} experts cannot form ${groups} groups of equal size`)
  const activeGroups = checkInteger(fieldOf(object, 'activeGroups'), 'activeGroups', 1, groups)
  if (activeGroups * (count / groups) < activeCount)
    throw new ModelError('bad-model', `${activeGroups} groups have fewer than ${activeCount} experts`)
  return {
    scores,
    groups,
    activeGroups,
    scale: checkNumber(fieldOf(object, 'scale'), 'scale', 1e-6, 1e6),
    corrected: checkBoolean(fieldOf(object, 'corrected'), 'corrected'),
  }
}
