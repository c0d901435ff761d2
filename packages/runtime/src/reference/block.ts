import type { ModelConfig } from '@shoal/model'
import { add, multiply, rmsNorm, rotate, softmax, swiglu } from './arithmetic.ts'

/** One block's weights, dequantised to float32; matrices `[outputs, inputs]`, row-major. */
export interface BlockWeights {
  readonly attentionNorm: Float32Array
  readonly qkv: Float32Array
  readonly qkvBias: Float32Array | null
  readonly queryNorm: Float32Array | null
  readonly keyNorm: Float32Array | null
  readonly output: Float32Array
  readonly feedForwardNorm: Float32Array
  readonly gateUp: Float32Array
  readonly down: Float32Array
}

/** Keys (rotated) and values of one block by position, each `[keyValueHeads · headSize]`. */
export interface BlockCache {
  readonly keys: Float32Array[]
  readonly values: Float32Array[]
}

/** Cosines and sines of one position, `[headSize / 2]` each. */
export interface Rotation {
  readonly cosines: Float32Array
  readonly sines: Float32Array
}

/** One position through one block. @param hidden `[hiddenSize]` @returns `[hiddenSize]`; the cache has grown by one */
export function forwardBlock(
  config: ModelConfig,
  weights: BlockWeights,
  cache: BlockCache,
  hidden: Float32Array,
  rotation: Rotation,
): Float32Array {
  const middle = add(hidden, attentionBranch(config, weights, cache, hidden, rotation))
  return add(middle, feedForwardBranch(config, weights, middle))
}

/** What attention adds to one position: of these heads, if they are a rank's. @returns `[hiddenSize]`; the cache has grown by one */
export function attentionBranch(
  config: ModelConfig,
  weights: BlockWeights,
  cache: BlockCache,
  hidden: Float32Array,
  rotation: Rotation,
): Float32Array {
  return multiply(
    weights.output,
    attend(config, weights, cache, rmsNorm(hidden, weights.attentionNorm, config.normEpsilon), rotation),
  )
}

/** What the feed-forward network adds to one position: of these columns, if they are a rank's. */
export function feedForwardBranch(
  { normEpsilon, feedForwardSize }: ModelConfig,
  weights: BlockWeights,
  hidden: Float32Array,
): Float32Array {
  const gateUp = multiply(weights.gateUp, rmsNorm(hidden, weights.feedForwardNorm, normEpsilon))
  const active = swiglu(gateUp.subarray(0, feedForwardSize), gateUp.subarray(feedForwardSize))
  return multiply(weights.down, active)
}

function attend(
  config: ModelConfig,
  weights: BlockWeights,
  cache: BlockCache,
  x: Float32Array,
  rotation: Rotation,
): Float32Array {
  const { headCount, keyValueHeadCount, headSize } = config
  const qkv = multiply(weights.qkv, x, weights.qkvBias)
  const keysFrom = headCount * headSize
  const valuesFrom = keysFrom + keyValueHeadCount * headSize
  const query = prepareHeads(config, qkv.slice(0, keysFrom), weights.queryNorm, rotation)
  cache.keys.push(prepareHeads(config, qkv.slice(keysFrom, valuesFrom), weights.keyNorm, rotation))
  cache.values.push(qkv.slice(valuesFrom))

  const attended = new Float32Array(query.length)
  for (let head = 0; head < headCount; head += 1) {
    const shared = Math.floor(head / (headCount / keyValueHeadCount)) * headSize
    attended.set(
      attendHead(config, query.subarray(head * headSize, (head + 1) * headSize), cache, shared),
      head * headSize,
    )
  }
  return attended
}

function prepareHeads(
  { headSize, normEpsilon }: ModelConfig,
  heads: Float32Array,
  norm: Float32Array | null,
  { cosines, sines }: Rotation,
): Float32Array {
  for (let at = 0; at < heads.length; at += headSize) {
    const head = heads.subarray(at, at + headSize)
    if (norm !== null) head.set(rmsNorm(head, norm, normEpsilon))
    rotate(head, cosines, sines)
  }
  return heads
}

/** Scaled dot-product attention of the last position over the window's positions. @param at where this head's key lies */
function attendHead(
  { headSize, slidingWindow }: ModelConfig,
  query: Float32Array,
  { keys, values }: BlockCache,
  at: number,
): Float32Array {
  const first = slidingWindow === null ? 0 : Math.max(0, keys.length - slidingWindow)
  const scores = keys.slice(first).map((key) => {
    let sum = 0
    for (let channel = 0; channel < headSize; channel += 1)
      sum += (query[channel] as number) * (key[at + channel] as number)
    return sum / Math.sqrt(headSize)
  })
  const sums = new Float64Array(headSize)
  softmax(scores).forEach((weight, index) => {
    const value = values[first + index] as Float32Array
    for (let channel = 0; channel < headSize; channel += 1)
      sums[channel] = (sums[channel] as number) + weight * (value[at + channel] as number)
  })
  return Float32Array.from(sums)
}
