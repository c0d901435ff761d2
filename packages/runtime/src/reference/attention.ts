import {
  projectedRows,
  type AttentionSpec,
  type BlockSpec,
  type IndexRange,
  type KeyValueFormat,
} from '@shoal/model'
import { multiply, rotate, softmax } from './arithmetic.ts'
import { roundedHeads } from '../tensors/key-value-rounding.ts'
import { convolve } from './convolution.ts'
import { latentHeads, withoutFilling, type LatentWeights } from './latent.ts'
import { normaliseHeads } from './norms.ts'

/** The weights of a block's projections to q, k and v, and of their norms; null is what the block lacks. */
export interface AttentionWeights {
  readonly qkv: Float32Array
  /** In place of `qkv`, where heads are made of shared vectors. */
  readonly latent: LatentWeights | null
  readonly qkvBias: Float32Array | null
  readonly queryNorm: Float32Array | null
  readonly keyNorm: Float32Array | null
  /** Of a short convolution, `[channels, taps]`. */
  readonly convolution: Float32Array | null
  /** A score of each head that has no value. */
  readonly sinks: Float32Array | null
}

/** Keys (rotated) and values of one block by position, each `[keyValueHeads · headSize]`. */
export interface BlockCache {
  /** What keys and values are rounded to before they are kept; float32 when absent. */
  readonly kv?: KeyValueFormat
  readonly keys: Float32Array[]
  readonly values: Float32Array[]
}

/** Cosines and sines of one position, for each pair that turns. */
export interface Angles {
  readonly cosines: Float32Array
  readonly sines: Float32Array
}

/** How one position turns; null in blocks that do not rotate. */
export type Rotation = { readonly queries: Angles; readonly keys: Angles } | null

/** Attention of the last position over the window's positions; the cache grows by one position. @returns `[heads · headSize]` */
export function attend(
  spec: BlockSpec,
  weights: AttentionWeights,
  cache: BlockCache,
  x: Float32Array,
  rotation: Rotation,
): Float32Array {
  const { headCount, keyValueHeadCount, headSize, projected, convolution } = spec.attention
  if (convolution !== undefined && weights.convolution !== null)
    return convolve(convolution, weights.convolution, cache, multiply(weights.qkv, x, weights.qkvBias))
  const qkv =
    weights.latent === null
      ? multiply(weights.qkv, x, weights.qkvBias)
      : latentHeads(spec.attention, weights.latent, x)
  const [queryRows, keyRows] = projectedRows(spec.attention)
  const keysFrom = queryRows
  const valuesFrom = keysFrom + keyRows
  const own = (heads: Float32Array, part: IndexRange | undefined): Float32Array =>
    part === undefined ? heads : heads.slice(part.start * headSize, part.end * headSize)
  const prepare = (
    from: number,
    to: number,
    norm: Float32Array | null,
    angles: Angles | null,
    part: IndexRange | undefined,
  ): Float32Array => {
    const heads = qkv.slice(from, to)
    const isRotatedFirst = spec.attention.queryKeyNorm === 'rotated-head'
    if (isRotatedFirst && angles !== null) rotateHeads(spec.attention, heads, angles)
    if (norm !== null) normaliseHeads(spec, heads, norm)
    if (!isRotatedFirst && angles !== null) rotateHeads(spec.attention, heads, angles)
    return own(heads, part)
  }
  const query = prepare(0, keysFrom, weights.queryNorm, rotation?.queries ?? null, projected?.heads)
  const kept = (heads: Float32Array): Float32Array =>
    cache.kv === 'int8' ? roundedHeads(heads, headSize) : heads
  cache.keys.push(
    kept(prepare(keysFrom, valuesFrom, weights.keyNorm, rotation?.keys ?? null, projected?.keyValueHeads)),
  )
  cache.values.push(kept(qkv.slice(valuesFrom)))

  const attended = new Float32Array(headCount * headSize)
  for (let head = 0; head < headCount; head += 1) {
    const shared = Math.floor(head / (headCount / keyValueHeadCount)) * headSize
    attended.set(
      attendHead(
        spec.attention,
        query.subarray(head * headSize, (head + 1) * headSize),
        cache,
        shared,
        weights.sinks?.[head],
      ),
      head * headSize,
    )
  }
  return withoutFilling(spec.attention, attended)
}

/** Rotates every head, in place. */
function rotateHeads(
  { headSize, rotatedPairs }: AttentionSpec,
  heads: Float32Array,
  { cosines, sines }: Angles,
): void {
  for (let at = 0; at < heads.length; at += headSize)
    rotate(heads.subarray(at, at + headSize), cosines, sines, rotatedPairs)
}

/** Scaled dot-product attention of the last position over the window's positions. @param at of this head's key in a row */
function attendHead(
  { headSize, window, scoreDivisor, softCap }: AttentionSpec,
  query: Float32Array,
  { keys, values }: BlockCache,
  at: number,
  sink: number | undefined,
): Float32Array {
  const first = window === null ? 0 : Math.max(0, keys.length - window)
  const scores = keys.slice(first).map((key) => {
    let sum = 0
    for (let channel = 0; channel < headSize; channel += 1)
      sum += (query[channel] as number) * (key[at + channel] as number)
    const scaled = sum / scoreDivisor
    return softCap === null ? scaled : softCap * Math.tanh(scaled / softCap)
  })
  const sums = new Float64Array(headSize)
  softmax(scores, sink).forEach((weight, index) => {
    const value = values[first + index] as Float32Array
    for (let channel = 0; channel < headSize; channel += 1)
      sums[channel] = (sums[channel] as number) + weight * (value[at + channel] as number)
  })
  return Float32Array.from(sums)
}
