import { ModelError } from '../error.ts'
import { checkInteger } from '../json-fields.ts'
import { limits } from '../limits.ts'

/**
 * Reads special token ids: one id, a list, or nothing. Ids beyond the vocabulary are dropped, because a sampler can never
 * draw them.
 */
export function readTokenIds(value: unknown, vocabularySize: number): number[] {
  const list: unknown[] = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
  if (list.length > limits.eosTokenIdsMax)
    throw new ModelError(
      'bad-model',
      `${list.length} special token ids are more than ${limits.eosTokenIdsMax}`,
    )
  const ids = list.map((id) => checkInteger(id, 'a special token id', 0, Number.MAX_SAFE_INTEGER))
  return [...new Set(ids)].filter((id) => id < vocabularySize)
}

/** Validates the end tokens of a config in our vocabulary. @throws {ModelError} `bad-model` */
export function checkEosTokenIds(value: unknown, vocabularySize: number): number[] {
  if (!Array.isArray(value) || value.length > limits.eosTokenIdsMax) {
    throw new ModelError(
      'bad-model',
      `eosTokenIds must be a list of at most ${limits.eosTokenIdsMax} token ids`,
    )
  }
  return value.map((id: unknown) => checkInteger(id, 'an end token id', 0, vocabularySize - 1))
}
