import type { BlockSpec, NormKind } from '@shoal/model'
import { layerNorm, rmsNorm } from './arithmetic.ts'

/** Weights of a norm; its bias where it has one. */
export interface NormWeights {
  readonly weight: Float32Array
  readonly bias: Float32Array | null
}

/** Normalises one row. */
export function normalise(
  kind: NormKind,
  x: Float32Array,
  { weight, bias }: NormWeights,
  epsilon: number,
): Float32Array {
  return kind === 'rms' ? rmsNorm(x, weight, epsilon) : layerNorm(x, weight, bias, epsilon)
}

/** Normalises the heads of q or k, in place, as the block does. @param weight of q or of k */
export function normaliseHeads(
  { attention: { headSize, queryKeyNorm }, normEpsilon }: BlockSpec,
  heads: Float32Array,
  weight: Float32Array,
): void {
  if (queryKeyNorm === 'all-heads') {
    heads.set(rmsNorm(heads, weight, normEpsilon))
    return
  }
  for (let at = 0; at < heads.length; at += headSize) {
    const head = heads.subarray(at, at + headSize)
    head.set(
      queryKeyNorm === 'layer-of-head'
        ? layerNorm(head, weight.subarray(at, at + headSize), null, normEpsilon)
        : rmsNorm(head, weight, normEpsilon),
    )
  }
}
