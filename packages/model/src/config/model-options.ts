import { ModelError } from '../error.ts'
import { checkBoolean, checkInteger, checkNumber, fieldOf, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { LatentSpec } from './block-spec.ts'
import { checkLatent } from './latent.ts'
import type { RopeConfig } from './model-config.ts'
import { checkRope } from './rope.ts'

/**
 * Config fields that only some families have. A field is absent where it would change nothing: the config is part of
 * the manifest, and the manifests of all other models must keep their ids.
 */
export interface ModelOptions {
  /** Multiplies the rows of the embedding (Gemma, Granite). */
  readonly embeddingScale?: number
  /** Divides the products of queries and keys; the root of the head size by default. */
  readonly scoreDivisor?: number
  readonly attentionSoftCap?: number
  /** Multiplies what attention and the feed-forward network add to the residual stream (Granite). */
  readonly branchScale?: number
  /** Multiplies the logits (Cohere, Granite). */
  readonly logitScale?: number
  readonly logitSoftCap?: number
  /** The projection back from attention has a bias. */
  readonly outputBias?: boolean
  readonly feedForwardBias?: boolean
  /** Heads have a learned score without a value (gpt-oss). */
  readonly attentionSinks?: boolean
  /** Queries, keys and values are made of shared vectors (DeepSeek). */
  readonly latent?: LatentSpec
  /** Positions that a short convolution spans (LFM2). */
  readonly convolutionTaps?: number
  /** The blocks that have a convolution in place of attention, one value for each. */
  readonly convolutionBlocks?: readonly boolean[]
  /** The blocks to which `slidingWindow` applies, one value for each; all of them by default. */
  readonly windowedBlocks?: readonly boolean[]
  /** The rotary embedding of the blocks with a window, where it is another than that of the rest (Gemma 3). */
  readonly windowedRope?: RopeConfig
  /** The blocks that rotate, one value for each; all of them by default (SmolLM3). */
  readonly rotatedBlocks?: readonly boolean[]
}

/** Multipliers are 0.01 to 100 in published models. */
const scaleMin = 1e-6
const scaleMax = 1e6

/** Validates the options of a config in our vocabulary, and leaves absent ones out. @throws {ModelError} `bad-model` */
export function checkOptions(config: JsonObject, blockCount: number): ModelOptions {
  const scale = (value: unknown, key: string): number => checkNumber(value, key, scaleMin, scaleMax)
  const perBlock = (value: unknown, key: string): boolean[] => checkBlocks(value, key, blockCount)
  const checks: { readonly [Key in keyof Required<ModelOptions>]: (value: unknown, key: string) => unknown } =
    {
      embeddingScale: scale,
      scoreDivisor: scale,
      attentionSoftCap: scale,
      branchScale: scale,
      logitScale: scale,
      logitSoftCap: scale,
      outputBias: checkBoolean,
      feedForwardBias: checkBoolean,
      attentionSinks: checkBoolean,
      latent: checkLatent,
      convolutionTaps: (value, key) => checkInteger(value, key, 1, limits.convolutionTapsMax),
      convolutionBlocks: perBlock,
      windowedBlocks: perBlock,
      windowedRope: checkRope,
      rotatedBlocks: perBlock,
    }
  const present = Object.entries(checks).flatMap(([key, check]) => {
    const value = fieldOf(config, key)
    return value === undefined ? [] : [[key, check(value, key)] as const]
  })
  return Object.fromEntries(present) as ModelOptions
}

function checkBlocks(value: unknown, key: string, blockCount: number): boolean[] {
  checkInteger(blockCount, 'blockCount', 1, limits.blockCountMax)
  if (!Array.isArray(value) || value.length !== blockCount)
    throw new ModelError('bad-model', `${key} must have a value for each of ${blockCount} blocks`)
  return value.map((one: unknown) => {
    if (typeof one !== 'boolean') throw new ModelError('bad-model', `${key} must not name ${show(one)}`)
    return one
  })
}
