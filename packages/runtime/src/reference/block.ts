import type { AttentionSpec, BlockSpec, FeedForwardSpec } from '@shoal/model'
import { combine, routeRows, type Routing } from '../experts/routing.ts'
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
  readonly feedForward: NetworkWeights | MixtureWeights
}

/** A SwiGLU network. */
export interface NetworkWeights {
  readonly gateUp: Float32Array
  readonly down: Float32Array
}

export interface MixtureWeights {
  /** With a last row for the gate of the shared expert, where there is one. */
  readonly router: Float32Array
  /** By number; a rank has some of them. */
  readonly experts: ReadonlyMap<number, NetworkWeights>
  readonly shared: NetworkWeights | null
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

/**
 * One position through one block, whose cache grows by one position.
 * @param hidden float32 `[hiddenSize]`
 * @returns float32 `[hiddenSize]`
 */
export function forwardBlock(
  spec: BlockSpec,
  weights: BlockWeights,
  cache: BlockCache,
  hidden: Float32Array,
  rotation: Rotation,
): Float32Array {
  const middle = add(hidden, attentionBranch(spec, weights, cache, hidden, rotation))
  return add(middle, feedForwardBranch(spec, weights, middle))
}

/**
 * What attention adds to the residual stream at one position: all of it, or the part of a rank's heads. The cache grows by
 * one position.
 * @returns float32 `[hiddenSize]`
 */
export function attentionBranch(
  { attention, normEpsilon }: BlockSpec,
  weights: BlockWeights,
  cache: BlockCache,
  hidden: Float32Array,
  rotation: Rotation,
): Float32Array {
  return multiply(
    weights.output,
    attend(
      attention,
      normEpsilon,
      weights,
      cache,
      rmsNorm(hidden, weights.attentionNorm, normEpsilon),
      rotation,
    ),
  )
}

/** What the feed-forward network or the mixture of experts adds to the residual stream: all of it, or the part of a rank's columns. */
export function feedForwardBranch(
  { normEpsilon, feedForward }: BlockSpec,
  weights: BlockWeights,
  hidden: Float32Array,
): Float32Array {
  const x = rmsNorm(hidden, weights.feedForwardNorm, normEpsilon)
  const own = weights.feedForward
  if (!('router' in own)) return network(own, x)
  const row = routeRow(feedForward, own, x)
  return mixRow(row, own.shared)
}

/** One row on its way through a mixture of experts. */
export interface RoutedRow {
  readonly x: Float32Array
  readonly routing: Routing
  /** What the row's experts make of it, in the order of their numbers; zeros where the expert is not held. */
  readonly outputs: readonly Float32Array[]
}

/** @param x the residual stream behind the second norm */
export function routeRow(
  feedForward: FeedForwardSpec,
  { router, experts }: MixtureWeights,
  x: Float32Array,
): RoutedRow {
  if (feedForward.kind === 'dense') throw new Error('a dense block has no router')
  const routing = routeRows(feedForward, multiply(router, x), 1)
  const outputs = Array.from(routing.experts, (expert) => {
    const held = experts.get(expert)
    return held === undefined ? new Float32Array(x.length) : network(held, x)
  })
  return { x, routing, outputs }
}

/** What the mixture adds to the residual stream. */
export function mixRow({ x, routing, outputs }: RoutedRow, shared: NetworkWeights | null): Float32Array {
  const gate = routing.gates?.[0]
  return combine(
    routing.weights,
    outputs,
    gate === undefined || shared === null ? null : { gate, output: network(shared, x) },
  )
}

function network({ gateUp, down }: NetworkWeights, x: Float32Array): Float32Array {
  const both = multiply(gateUp, x)
  const size = both.length / 2
  return multiply(down, swiglu(both.subarray(0, size), both.subarray(size)))
}

function attend(
  attention: AttentionSpec,
  normEpsilon: number,
  weights: BlockWeights,
  cache: BlockCache,
  x: Float32Array,
  rotation: Rotation,
): Float32Array {
  const { headCount, keyValueHeadCount, headSize } = attention
  const qkv = multiply(weights.qkv, x, weights.qkvBias)
  const keysFrom = headCount * headSize
  const valuesFrom = keysFrom + keyValueHeadCount * headSize
  const prepare = (heads: Float32Array, norm: Float32Array | null): Float32Array =>
    prepareHeads(headSize, heads, norm, normEpsilon, rotation)
  const query = prepare(qkv.slice(0, keysFrom), weights.queryNorm)
  cache.keys.push(prepare(qkv.slice(keysFrom, valuesFrom), weights.keyNorm))
  cache.values.push(qkv.slice(valuesFrom))

  const attended = new Float32Array(query.length)
  for (let head = 0; head < headCount; head += 1) {
    const shared = Math.floor(head / (headCount / keyValueHeadCount)) * headSize
    attended.set(
      attendHead(attention, query.subarray(head * headSize, (head + 1) * headSize), cache, shared),
      head * headSize,
    )
  }
  return attended
}

/** Normalises, where the block has such a norm, and rotates every head, in place. */
function prepareHeads(
  headSize: number,
  heads: Float32Array,
  norm: Float32Array | null,
  normEpsilon: number,
  { cosines, sines }: Rotation,
): Float32Array {
  for (let at = 0; at < heads.length; at += headSize) {
    const head = heads.subarray(at, at + headSize)
    if (norm !== null) head.set(rmsNorm(head, norm, normEpsilon))
    rotate(head, cosines, sines)
  }
  return heads
}

/** Scaled dot-product attention of the last position over the window's positions. @param at of this head's key in a row */
function attendHead(
  { headSize, window }: AttentionSpec,
  query: Float32Array,
  { keys, values }: BlockCache,
  at: number,
): Float32Array {
  const first = window === null ? 0 : Math.max(0, keys.length - window)
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
