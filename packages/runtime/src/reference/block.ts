import type { BlockSpec, DenseSpec, ExpertsSpec, FeedForwardSpec } from '@shoal/model'
import { combine, routeRows, type Routing } from '../experts/routing.ts'
import { activate, add, multiply, scale } from './arithmetic.ts'
import { attend, type AttentionWeights, type BlockCache, type Rotation } from './attention.ts'
import { normalise, type NormWeights } from './norms.ts'

/** One block's weights, dequantised to float32; matrices `[outputs, inputs]`, row-major. Null is what the block lacks. */
export interface BlockWeights extends AttentionWeights {
  readonly attentionNorm: NormWeights | null
  readonly attentionPostNorm: NormWeights | null
  readonly output: Float32Array
  readonly outputBias: Float32Array | null
  readonly feedForwardNorm: NormWeights | null
  readonly feedForwardPostNorm: NormWeights | null
  readonly feedForward: NetworkWeights | MixtureWeights
}

export interface NetworkWeights {
  /** Gate and up, or up alone. */
  readonly gateUp: Float32Array
  readonly gateUpBias: Float32Array | null
  readonly down: Float32Array
  readonly downBias: Float32Array | null
}

export interface MixtureWeights {
  /** The router's matrix, with a last row for the gate of the shared expert, where there is one. */
  readonly router: Float32Array
  readonly routerBias: Float32Array | null
  /** What is added to scores of experts for the choice. */
  readonly routerCorrection: Float32Array | null
  /** Experts by number; a rank has some of them only. */
  readonly experts: ReadonlyMap<number, NetworkWeights>
  readonly shared: NetworkWeights | null
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
  const attended = attentionBranch(spec, weights, cache, hidden, rotation)
  const middle = add(hidden, closeBranch(spec, weights.attentionPostNorm, attended))
  const active = feedForwardBranch(spec, weights, spec.normPlaces === 'shared' ? hidden : middle)
  return add(middle, closeBranch(spec, weights.feedForwardPostNorm, active))
}

/**
 * What attention makes of one position: all of it, or the part of a rank's heads. The cache grows by one position.
 * @returns float32 `[hiddenSize]`, not yet closed
 */
export function attentionBranch(
  spec: BlockSpec,
  weights: BlockWeights,
  cache: BlockCache,
  hidden: Float32Array,
  rotation: Rotation,
): Float32Array {
  const x = normed(spec, hidden, weights.attentionNorm)
  return multiply(weights.output, attend(spec, weights, cache, x, rotation), weights.outputBias)
}

/**
 * What the feed-forward network or the mixture of experts makes of one position: all of it, or the part of a rank's columns.
 * Not yet closed.
 */
export function feedForwardBranch(
  spec: BlockSpec,
  weights: BlockWeights,
  hidden: Float32Array,
): Float32Array {
  const norm = spec.normPlaces === 'shared' ? weights.attentionNorm : weights.feedForwardNorm
  const x = normed(spec, hidden, norm)
  const own = weights.feedForward
  const { feedForward } = spec
  if ('router' in own) return mixRow(routeRow(feedForward, own, x), own.shared)
  if (feedForward.kind !== 'dense') throw new Error('a mixture of experts has a router')
  return network(feedForward, own, x)
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
  { router, routerBias, routerCorrection, experts }: MixtureWeights,
  x: Float32Array,
): RoutedRow {
  if (feedForward.kind === 'dense') throw new Error('a dense block has no router')
  const logits = multiply(router, x, routerBias)
  const corrected = routerCorrection === null ? logits : Float32Array.from([...logits, ...routerCorrection])
  const routing = routeRows(feedForward, corrected, 1)
  const outputs = Array.from(routing.experts, (expert) => {
    const held = experts.get(expert)
    return held === undefined ? new Float32Array(x.length) : expertNetwork(feedForward, held, x)
  })
  return { x, routing, outputs }
}

/** What the mixture adds to the residual stream. */
export function mixRow({ x, routing, outputs }: RoutedRow, shared: NetworkWeights | null): Float32Array {
  const gate = routing.gates?.[0]
  return combine(
    routing.weights,
    outputs,
    gate === undefined || shared === null ? null : { gate, output: network(swiglu, shared, x) },
  )
}

/** What one expert makes of a row. */
function expertNetwork({ gateBound }: ExpertsSpec, weights: NetworkWeights, x: Float32Array): Float32Array {
  if (gateBound === undefined) return network(swiglu, weights, x)
  const wide = multiply(weights.gateUp, x, weights.gateUpBias)
  const up = wide.subarray(wide.length / 2)
  const active = wide.subarray(0, wide.length / 2).map((value, index) => {
    const gate = Math.min(value, gateBound)
    const bounded = Math.max(-gateBound, Math.min(up[index] as number, gateBound))
    return (bounded + 1) * (gate / (1 + Math.exp(-gateSteepness * gate)))
  })
  return multiply(weights.down, active, weights.downBias)
}

/** The sigmoid of gpt-oss' gates is steeper than that of silu. */
const gateSteepness = 1.702

/** The network of an expert that computes every row, and of most others. */
const swiglu = { activation: 'silu', gated: true } as const

function network(
  { activation, gated }: Pick<DenseSpec, 'activation' | 'gated'>,
  { gateUp, gateUpBias, down, downBias }: NetworkWeights,
  x: Float32Array,
): Float32Array {
  const wide = multiply(gateUp, x, gateUpBias)
  const size = gated ? wide.length / 2 : wide.length
  const active = activate(activation, wide.subarray(0, size), gated ? wide.subarray(size) : null)
  return multiply(down, active, downBias)
}

/** What is added to the residual stream: a whole branch, behind its norm and its factor. */
export function closeBranch(spec: BlockSpec, norm: NormWeights | null, branch: Float32Array): Float32Array {
  return scale(normed(spec, branch, norm), spec.branchScale)
}

/** A row behind a norm of the block; the row itself where there is none. */
export function normed(
  { norm: kind, normEpsilon }: BlockSpec,
  x: Float32Array,
  norm: NormWeights | null,
): Float32Array {
  return norm === null ? x : normalise(kind, x, norm, normEpsilon)
}
