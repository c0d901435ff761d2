import { ModelError } from '../error.ts'
import { checkInteger, checkNumber, fieldOf, type JsonObject } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { LongRopeScaling } from './model-config.ts'
import { checkFactors } from './rope-factors.ts'

/**
 * Reads LongRoPE as `_compute_longrope_parameters` of transformers does, not yet checked.
 * @param json config.json
 * @param object its `rope_scaling` or `rope_parameters`
 */
export function readLongRope(json: JsonObject, object: JsonObject): unknown {
  const contextLength = fieldOf(json, 'max_position_embeddings')
  const original =
    fieldOf(object, 'original_max_position_embeddings') ??
    fieldOf(json, 'original_max_position_embeddings') ??
    contextLength
  // Phi-3 names the original context length beside the scaling, and no factor.
  const factor =
    fieldOf(json, 'original_max_position_embeddings') === undefined
      ? Number(fieldOf(object, 'factor') ?? 1)
      : Number(contextLength) / Number(original)
  return {
    type: 'longrope',
    shortFactors: fieldOf(object, 'short_factor'),
    longFactors: fieldOf(object, 'long_factor'),
    attentionFactor:
      fieldOf(object, 'attention_factor') ??
      (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(Number(original)))),
    originalContextLength: original,
  }
}

/** Validates LongRoPE in our vocabulary. @throws {ModelError} `bad-model` */
export function checkLongRope(object: JsonObject): LongRopeScaling {
  const [shortFactors, longFactors] = ['shortFactors', 'longFactors'].map((key) =>
    checkFactors(fieldOf(object, key)),
  ) as [number[], number[]]
  if (shortFactors.length !== longFactors.length)
    throw new ModelError(
      'bad-model',
      `longrope has ${shortFactors.length} short factors, but ${longFactors.length} long ones`,
    )
  return {
    type: 'longrope',
    shortFactors,
    longFactors,
    attentionFactor: checkNumber(fieldOf(object, 'attentionFactor'), 'longrope attentionFactor', 1e-6, 1e6),
    originalContextLength: checkInteger(
      fieldOf(object, 'originalContextLength'),
      'longrope originalContextLength',
      1,
      limits.contextLengthMax,
    ),
  }
}
