import { ModelError } from '../error.ts'
import { checkBoolean, checkInteger, checkNumber, fieldOf, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { YarnScaling } from './model-config.ts'

/** `beta_fast` and `beta_slow` of transformers and of the paper. */
const betaFastDefault = 32
const betaSlowDefault = 1

/**
 * Reads YaRN as `_compute_yarn_parameters` of transformers does, not yet checked.
 * @param json config.json
 * @param object its `rope_scaling` or `rope_parameters`
 */
export function readYarn(json: JsonObject, object: JsonObject): unknown {
  const factor = fieldOf(object, 'factor')
  return {
    type: 'yarn',
    factor,
    attentionFactor: fieldOf(object, 'attention_factor') ?? attentionFactorOf(object, Number(factor)),
    betaFast: fieldOf(object, 'beta_fast') ?? betaFastDefault,
    betaSlow: fieldOf(object, 'beta_slow') ?? betaSlowDefault,
    originalContextLength:
      fieldOf(object, 'original_max_position_embeddings') ?? fieldOf(json, 'max_position_embeddings'),
    truncate: fieldOf(object, 'truncate') ?? true,
  }
}

function attentionFactorOf(object: JsonObject, factor: number): number {
  const scaleOf = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1)
  const [one, all] = [Number(fieldOf(object, 'mscale') ?? 0), Number(fieldOf(object, 'mscale_all_dim') ?? 0)]
  return one !== 0 && all !== 0 ? scaleOf(one) / scaleOf(all) : scaleOf(1)
}

/** Validates YaRN in our vocabulary. @throws {ModelError} `bad-model` */
export function checkYarn(object: JsonObject): YarnScaling {
  const number = (key: string, min: number): number =>
    checkNumber(fieldOf(object, key), `rope scaling ${key}`, min, 1e6)
  const [betaFast, betaSlow] = [number('betaFast', 1e-6), number('betaSlow', 1e-6)]
  // Equal ones (Kimi K2) blend the pairs between two neighbours only.
  if (betaFast < betaSlow)
    throw new ModelError('bad-model', `yarn: beta_fast ${betaFast} is less than beta_slow, ${betaSlow}`)
  return {
    type: 'yarn',
    factor: number('factor', 1),
    attentionFactor: number('attentionFactor', 1e-6),
    betaFast,
    betaSlow,
    originalContextLength: checkInteger(
      fieldOf(object, 'originalContextLength'),
      'rope scaling originalContextLength',
      1,
      limits.contextLengthMax,
    ),
    truncate: checkBoolean(fieldOf(object, 'truncate'), 'rope scaling truncate'),
  }
}
