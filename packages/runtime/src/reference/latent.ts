import { turningChannels, type AttentionSpec } from '@shoal/model'
import { multiply, rmsNorm } from './arithmetic.ts'

/** The matrices of latent attention and the norms of its shared vectors. */
export interface LatentWeights {
  /** Null where queries are made of the residual stream. */
  readonly queryDown: { readonly matrix: Float32Array; readonly norm: Float32Array } | null
  readonly queryUp: Float32Array
  readonly keyValueDown: Float32Array
  readonly keyValueNorm: Float32Array
  readonly keyValueUp: Float32Array
}

/** As in the graphs (`onnx/graph/latent.ts`). */
const latentEpsilon = 1e-6

/** q, k and v in the form of other blocks: channels that turn first, and values filled up with zeros. */
export function latentHeads(attention: AttentionSpec, weights: LatentWeights, x: Float32Array): Float32Array {
  const { headCount, headSize, latent } = attention
  if (latent === undefined) throw new Error('this block has no shared vectors')
  const { keyValueSize, valueSize } = latent
  const turning = turningChannels(attention)
  const still = headSize - turning
  const { queryDown, queryUp, keyValueDown, keyValueNorm, keyValueUp } = weights
  const from = queryDown === null ? x : rmsNorm(multiply(queryDown.matrix, x), queryDown.norm, latentEpsilon)
  const queries = multiply(queryUp, from)
  const down = multiply(keyValueDown, x)
  const up = multiply(keyValueUp, rmsNorm(down.subarray(0, keyValueSize), keyValueNorm, latentEpsilon))
  const all = new Float32Array(3 * headCount * headSize)
  for (let head = 0; head < headCount; head += 1) {
    const query = queries.subarray(head * headSize, (head + 1) * headSize)
    const own = up.subarray(head * (still + valueSize), (head + 1) * (still + valueSize))
    const at = (part: number): number => (part * headCount + head) * headSize
    all.set(query.subarray(still), at(0))
    all.set(query.subarray(0, still), at(0) + turning)
    all.set(down.subarray(keyValueSize), at(1))
    all.set(own.subarray(0, still), at(1) + turning)
    all.set(own.subarray(still), at(2))
  }
  return all
}

/** What attention makes of filled-up values without the zeros. */
export function withoutFilling(
  { headCount, headSize, latent }: AttentionSpec,
  attended: Float32Array,
): Float32Array {
  if (latent === undefined || latent.valueSize === headSize) return attended
  const values = new Float32Array(headCount * latent.valueSize)
  for (let head = 0; head < headCount; head += 1)
    values.set(
      attended.subarray(head * headSize, head * headSize + latent.valueSize),
      head * latent.valueSize,
    )
  return values
}
