import { asObject, checkInteger, fieldOf } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { LatentSpec } from './block-spec.ts'

/** Validates the sizes of latent attention in our vocabulary. @throws {ModelError} `bad-model` */
export function checkLatent(value: unknown): LatentSpec {
  const object = asObject(value, 'latent')
  const integer = (key: string, max: number): number => checkInteger(fieldOf(object, key), key, 1, max)
  return {
    querySize: fieldOf(object, 'querySize') === null ? null : integer('querySize', limits.hiddenSizeMax),
    keyValueSize: integer('keyValueSize', limits.hiddenSizeMax),
    valueSize: integer('valueSize', limits.headSizeMax),
  }
}
