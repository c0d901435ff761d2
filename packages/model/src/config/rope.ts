import { ModelError } from '../error.ts'
import { asObject, checkInteger, checkNumber, fieldOf, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import { checkLongRope, readLongRope } from './long-rope.ts'
import type { RopeConfig } from './model-config.ts'
import { checkFactors } from './rope-factors.ts'
import { checkYarn, readYarn } from './yarn.ts'

/** The kinds of blocks for which `rope_parameters` may differ. */
type BlockKind = 'full_attention' | 'sliding_attention'

/**
 * Reads the rotary embedding of a config.json, not yet checked. transformers 4 writes `rope_theta` and `rope_scaling`,
 * transformers 5 a single `rope_parameters`, or one for each kind of block; the type is `rope_type`, or `type` in older
 * files.
 *
 * @param headSize columns of a head, of which `partial_rotary_factor` turns a part
 * @param kind of the blocks that are meant, where kinds differ
 * @throws {ModelError} `unsupported-model` for another kind of scaling
 */
export function readRope(
  json: JsonObject,
  headSize: number,
  thetaDefault = 10_000,
  kind: BlockKind = 'full_attention',
): unknown {
  const object = parametersOf(json, kind)
  const theta = fieldOf(object, 'rope_theta') ?? fieldOf(json, 'rope_theta') ?? thetaDefault
  const rotated = fieldOf(object, 'partial_rotary_factor') ?? fieldOf(json, 'partial_rotary_factor') ?? 1
  const part = checkNumber(rotated, 'partial_rotary_factor', 0, 1)
  return {
    theta,
    ...(part === 1 ? {} : { dimensions: Math.floor(headSize * part) }),
    ...readQueryScale(object),
    scaling: readScaling(json, object),
  }
}

/** Whether `rope_parameters` say something about each kind of block. */
export function isRopePerKind(json: JsonObject): boolean {
  const newer = fieldOf(json, 'rope_parameters')
  return Object.values(asObject(newer ?? {}, 'rope_parameters')).some(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
}

function parametersOf(json: JsonObject, kind: BlockKind): JsonObject {
  const newer = fieldOf(json, 'rope_parameters') ?? null
  const scaling = newer ?? fieldOf(json, 'rope_scaling') ?? null
  if (scaling === null) return {}
  const object = asObject(scaling, newer === null ? 'rope_scaling' : 'rope_parameters')
  if (!isRopePerKind(json)) return object
  return asObject(fieldOf(object, kind), `${kind} of rope_parameters`)
}

/** `get_llama_4_attn_scale` of transformers. */
function readQueryScale(object: JsonObject): object {
  const beta = fieldOf(object, 'llama_4_scaling_beta') ?? null
  if (beta === null) return {}
  return {
    queryScale: {
      beta,
      originalContextLength: fieldOf(object, 'original_max_position_embeddings'),
    },
  }
}

function readScaling(json: JsonObject, object: JsonObject): unknown {
  // An empty object is how some tools write that there is no scaling.
  const empty = Object.keys(object).every((key) => fieldOf(object, key) === null)
  const newer = fieldOf(json, 'rope_parameters') ?? null
  const absent = empty || newer !== null ? 'default' : undefined
  const type = fieldOf(object, 'rope_type') ?? fieldOf(object, 'type') ?? absent
  const factor = fieldOf(object, 'factor')
  switch (type) {
    case 'default':
      return null
    case 'linear':
      return { type, factor }
    case 'dynamic':
      return { type, factor, originalContextLength: contextOf(json, object) }
    case 'yarn':
      return readYarn(json, object)
    case 'longrope':
    // The name in Phi-3's first files.
    case 'su':
      return readLongRope(json, object)
    case 'llama3':
      return {
        type,
        factor,
        lowFrequencyFactor: fieldOf(object, 'low_freq_factor'),
        highFrequencyFactor: fieldOf(object, 'high_freq_factor'),
        originalContextLength: fieldOf(object, 'original_max_position_embeddings'),
      }
    case undefined:
    default:
      return refuse(
        `rope type ${show(type)} is not supported; default, linear, dynamic, llama3, yarn and longrope are`,
      )
  }
}

function contextOf(json: JsonObject, object: JsonObject): unknown {
  return fieldOf(object, 'original_max_position_embeddings') ?? fieldOf(json, 'max_position_embeddings')
}

/** Validates a rotary embedding in our vocabulary. @throws {ModelError} `bad-model`, `unsupported-model` */
export function checkRope(value: unknown): RopeConfig {
  const rope = asObject(value, 'rope')
  const theta = checkNumber(fieldOf(rope, 'theta'), 'rope theta', 1, 1e12)
  const dimensions = fieldOf(rope, 'dimensions')
  const queryScale = fieldOf(rope, 'queryScale')
  const scaling = fieldOf(rope, 'scaling')
  return {
    theta,
    ...(dimensions === undefined
      ? {}
      : { dimensions: checkInteger(dimensions, 'rope dimensions', 2, limits.headSizeMax) }),
    ...(queryScale === undefined ? {} : { queryScale: checkQueryScale(asObject(queryScale, 'queryScale')) }),
    scaling: scaling === null ? null : checkScaling(asObject(scaling, 'rope scaling')),
  }
}

function checkQueryScale(object: JsonObject): RopeConfig['queryScale'] & object {
  const beta = checkNumber(fieldOf(object, 'beta'), 'queryScale beta', 0, 1e6)
  return { beta, originalContextLength: checkContext(object) }
}

function checkScaling(object: JsonObject): RopeConfig['scaling'] {
  const number = (key: string, min: number): number =>
    checkNumber(fieldOf(object, key), `rope scaling ${key}`, min, 1e6)
  const type = fieldOf(object, 'type')
  if (type === 'factors') return { type, factors: checkFactors(fieldOf(object, 'factors')) }
  if (type === 'yarn') return checkYarn(object)
  if (type === 'longrope') return checkLongRope(object)
  const factor = number('factor', 1)
  if (type === 'linear') return { type, factor }
  if (type === 'dynamic') return { type, factor, originalContextLength: checkContext(object) }
  if (type !== 'llama3') return refuse(`rope scaling ${show(type)} is not supported`)
  const lowFrequencyFactor = number('lowFrequencyFactor', 1e-6)
  const highFrequencyFactor = number('highFrequencyFactor', 1e-6)
  if (highFrequencyFactor <= lowFrequencyFactor) {
    throw new ModelError(
      'bad-model',
      `llama3 rope: high frequency factor ${highFrequencyFactor} must exceed the low one, ${lowFrequencyFactor}`,
    )
  }
  const originalContextLength = checkContext(object)
  return { type, factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength }
}

function checkContext(object: JsonObject): number {
  const key = 'originalContextLength'
  return checkInteger(fieldOf(object, key), `rope scaling ${key}`, 1, limits.contextLengthMax)
}

function refuse(reason: string): never {
  throw new ModelError('unsupported-model', reason)
}
