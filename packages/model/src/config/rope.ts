import { ModelError } from '../error.ts'
import { asObject, checkInteger, checkNumber, fieldOf, show, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { RopeConfig } from './model-config.ts'
import { checkYarn, readYarn } from './yarn.ts'

/**
 * Reads the rotary embedding of a config.json, not yet checked. transformers 4 writes `rope_theta` and `rope_scaling`,
 * transformers 5 a single `rope_parameters`; the type is `rope_type`, or `type` in older files.
 *
 * @throws {ModelError} `unsupported-model` for another kind of scaling
 */
export function readRope(json: JsonObject): unknown {
  const newer = fieldOf(json, 'rope_parameters') ?? null
  const scaling = newer ?? fieldOf(json, 'rope_scaling') ?? null
  const object =
    scaling === null ? {} : asObject(scaling, newer === null ? 'rope_scaling' : 'rope_parameters')
  const theta = fieldOf(object, 'rope_theta') ?? fieldOf(json, 'rope_theta') ?? 10_000
  const rotary = fieldOf(object, 'partial_rotary_factor') ?? 1
  if (rotary !== 1) refuse(`partial_rotary_factor ${show(rotary)} is not supported: whole heads are rotated`)
  const nested = Object.values(object).some(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
  if (nested) refuse('rope_parameters differ from block to block, which is not supported')
  // An empty object is how some tools write that there is no scaling.
  const empty = Object.keys(object).every((key) => fieldOf(object, key) === null)
  const absent = empty || newer !== null ? 'default' : undefined
  const type = fieldOf(object, 'rope_type') ?? fieldOf(object, 'type') ?? absent
  if (type === 'default') return { theta, scaling: null }
  const factor = fieldOf(object, 'factor')
  if (type === 'linear') return { theta, scaling: { type, factor } }
  if (type === 'yarn') return { theta, scaling: readYarn(json, object) }
  if (type !== 'llama3')
    refuse(`rope type ${show(type)} is not supported; default, linear, llama3 and yarn are`)
  const lowFrequencyFactor = fieldOf(object, 'low_freq_factor')
  const highFrequencyFactor = fieldOf(object, 'high_freq_factor')
  const originalContextLength = fieldOf(object, 'original_max_position_embeddings')
  return { theta, scaling: { type, factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } }
}

/** Validates a rotary embedding in our vocabulary. @throws {ModelError} `bad-model`, `unsupported-model` */
export function checkRope(value: unknown): RopeConfig {
  const rope = asObject(value, 'rope')
  const theta = checkNumber(fieldOf(rope, 'theta'), 'rope theta', 1, 1e12)
  const scaling = fieldOf(rope, 'scaling')
  if (scaling === null) return { theta, scaling: null }
  return { theta, scaling: checkScaling(asObject(scaling, 'rope scaling')) }
}

function checkScaling(object: JsonObject): RopeConfig['scaling'] {
  const number = (key: string, min: number): number =>
    checkNumber(fieldOf(object, key), `rope scaling ${key}`, min, 1e6)
  const type = fieldOf(object, 'type')
  if (type === 'factors') return { type, factors: checkFactors(fieldOf(object, 'factors')) }
  if (type === 'yarn') return checkYarn(object)
  const factor = number('factor', 1)
  if (type === 'linear') return { type, factor }
  if (type !== 'llama3') return refuse(`rope scaling ${show(type)} is not supported; linear and llama3 are`)
  const lowFrequencyFactor = number('lowFrequencyFactor', 1e-6)
  const highFrequencyFactor = number('highFrequencyFactor', 1e-6)
  if (highFrequencyFactor <= lowFrequencyFactor) {
    throw new ModelError(
      'bad-model',
      `llama3 rope: high frequency factor ${highFrequencyFactor} must exceed the low one, ${lowFrequencyFactor}`,
    )
  }
  const originalContextLength = checkInteger(
    fieldOf(object, 'originalContextLength'),
    'rope scaling originalContextLength',
    1,
    limits.contextLengthMax,
  )
  return { type, factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength }
}

/** Each divides the angle of one pair. */
function checkFactors(value: unknown): number[] {
  if (!Array.isArray(value) || value.length > limits.headSizeMax / 2)
    throw new ModelError('bad-model', `rope scaling factors must be a list, not ${show(value)}`)
  return value.map((factor: unknown) => checkNumber(factor, 'a rope scaling factor', 1e-6, 1e6))
}

function refuse(reason: string): never {
  throw new ModelError('unsupported-model', reason)
}
