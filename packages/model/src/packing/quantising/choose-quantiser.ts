import { ModelError } from '../../error.ts'
import type { MatrixFormat } from '../matrix-format.ts'
import type { Rounding } from '../profile.ts'
import { groupFeedback, quantiseCalibrated, type InputSums } from './calibrated.ts'
import { quantiseLeastError } from './least-error.ts'
import { refineRows } from './refine-rows.ts'
import { quantiseInt4, quantiseInt8 } from './quantise.ts'

/** Rounds whole rows; the arguments are those of {@link quantiseInt4}. */
export type Quantise = typeof quantiseInt4

/**
 * @param sums of the matrix' inputs, where weights are calibrated
 * @throws {ModelError} `bad-request` for calibrated weights without them
 */
export function chooseQuantiser(
  { weights }: MatrixFormat,
  rounding: Rounding,
  sums: InputSums | undefined,
): Quantise {
  if (weights === 'int8') return quantiseInt8
  if (rounding === 'nearest') return quantiseInt4
  if (rounding === 'least-error') return quantiseLeastError
  if (sums === undefined)
    throw new ModelError(
      'bad-request',
      'calibrated weights are those of the peer that packed them, and come from peers only; use --weights int4:128 to pack them anywhere',
    )
  const feedback = sums.map(groupFeedback)
  return (values, columns, _, weight, scale) => {
    const fault = quantiseCalibrated(values, columns, feedback, weight, scale)
    if (fault < 0) refineRows(values, columns, feedback, weight, scale)
    return fault
  }
}
