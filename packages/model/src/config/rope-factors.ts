import { ModelError } from '../error.ts'
import { checkNumber, show } from '../json-fields.ts'
import { limits } from '../limits.ts'
import type { RopeConfig } from './model-config.ts'

/** Each divides the angle of one pair. @throws {ModelError} `bad-model` */
export function checkFactors(value: unknown): number[] {
  if (!Array.isArray(value) || value.length > limits.headSizeMax / 2)
    throw new ModelError('bad-model', `rope scaling factors must be a list, not ${show(value)}`)
  return value.map((factor: unknown) => checkNumber(factor, 'a rope scaling factor', 1e-6, 1e6))
}

/** @throws {ModelError} `bad-model` unless the rotation fits heads of this size, with a factor for each pair that turns */
export function checkRopeFits({ dimensions, scaling }: RopeConfig, headSize: number): void {
  const turning = dimensions ?? headSize
  if (turning % 2 !== 0 || turning > headSize)
    throw new ModelError('bad-model', `${turning} channels of heads of ${headSize} cannot turn in pairs`)
  const factors =
    scaling?.type === 'factors' ? scaling.factors : scaling?.type === 'longrope' ? scaling.longFactors : null
  if (factors !== null && factors.length !== turning / 2)
    throw new ModelError(
      'bad-model',
      `${factors.length} rope factors do not fit heads of which ${turning} columns turn`,
    )
}
