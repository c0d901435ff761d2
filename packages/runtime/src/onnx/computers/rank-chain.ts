import { freeMemory, type Clock } from '@shoal/host'
import type { BlockSpec } from '@shoal/model'
import { limits } from '../../limits.ts'
import { selfProbe } from './self-probe.ts'
import { hiddenSizeOf, partOf, type Span } from '../../span.ts'
import { createChainCaches, type BlockChain } from './block-chain.ts'
import { hasPostNorm, type Half } from '../graph/block.ts'
import type { HalfStage } from '../graph/half-graph.ts'
import {
  createHalfComputer,
  type HalfComputer,
  type HalfSession,
  type HalfSessions,
} from './half-computer.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import type { RowPadding } from './row-padding.ts'
import type { ComputeSession } from './compute-session.ts'
import { createRotation, createRotations } from './rotation.ts'
import type { SpanComputer } from './span-computer.ts'

/**
 * Adds up the ranks' partial rows, and blocks the thread until the sum is here. The next exchange may overwrite the memory
 * of the sum.
 * @param computedMs how long the half-block took
 */
export type BlockingSum = (partial: Float32Array, computedMs: number) => Float32Array
/** As {@link BlockingSum}, or a promise where the thread exchanges the sums with the other ranks itself. */
export type RankSum = (partial: Float32Array, computedMs: number) => Float32Array | Promise<Float32Array>

/** Makes the graph of a rank's half of one block. @param block index in the model */
export type LoadHalf = (block: number, half: Half, stage: HalfStage) => ComputeSession

export interface RankChainOptions {
  readonly clock: Pick<Clock, 'nowMs'>
  /** The span as the rank sees it (`shareSpan`). */
  readonly span: Span
  /** The padding that the graphs of such a block need on this machine. */
  readonly paddingOf: (spec: BlockSpec) => RowPadding
  readonly load: LoadHalf
  readonly sum: RankSum
}

/** A rank's share of a span: after each half of each block all ranks' partial sums are added up. */
export function createRankChain({ clock, span, paddingOf, load, sum }: RankChainOptions): BlockChain {
  const { range } = span
  const rotationOf = createRotations()
  const sessions: HalfSessions[] = []
  const release = (): void => {
    for (const halves of sessions.splice(0)) releaseHalves(halves)
  }
  const computers: HalfComputer[] = []
  try {
    for (const [index, spec] of span.blocks.entries()) {
      const block = range.start + index
      const halves = loadHalves(load, spec, block)
      sessions.push(halves)
      computers.push(createHalfComputer(halves, spec, block, paddingOf(spec), rotationOf(spec.attention)))
    }
  } catch (error) {
    release()
    throw error
  }

  /** @param stream the residual stream, float32 `[rows, hiddenSize]`; overwritten with the output of the blocks */
  const pass = async (
    caches: readonly KeyValueCache[],
    first: number,
    stream: Float32Array,
  ): Promise<void> => {
    for (const [index, cache] of caches.entries()) {
      const [computer, spec] = [computers[first + index], span.blocks[first + index]]
      if (computer === undefined || spec === undefined)
        throw new Error(`block ${range.start + first + index} is not in ${range.start}:${range.end}`)
      const halves = throughBlock(clock, spec, computer, cache, stream)
      let half = halves.next()
      while (half.done !== true) {
        const total = sum(half.value.partial, half.value.computedMs)
        half = halves.next(total instanceof Promise ? await total : total)
      }
    }
  }

  return {
    range,
    release,
    open: (part, tokenBudget) => createChainCaches(partOf(span, part), tokenBudget),
    async forward(caches, hidden) {
      const before = caches.length
      const chunk = limits.rowsPerCallMax * hiddenSizeOf(span)
      const whole = Float32Array.from(hidden)
      try {
        for (let at = 0; at < whole.length; at += chunk)
          await pass(caches.blocks, caches.part.start - range.start, whole.subarray(at, at + chunk))
      } catch (error) {
        caches.truncate(before)
        throw error
      }
      return whole
    },
  }
}

/** Finds the row padding of a rank's share of a block on this machine. The rank's own partial rows stand in for the sum. */
export function selfProbeRank(clock: Pick<Clock, 'nowMs'>, span: Span, load: LoadHalf): RowPadding | null {
  const [spec] = span.blocks
  if (spec === undefined) throw new Error('a span without a block cannot be probed')
  const block = span.range.start
  const halves = loadHalves(load, spec, block)
  const rotation = createRotation(spec.attention)
  const computerOf = (padding: RowPadding): SpanComputer => {
    const computer = createHalfComputer(halves, spec, block, padding, rotation)
    return {
      forward(cache, hidden) {
        const stream = Float32Array.from(hidden)
        const halves = throughBlock(clock, spec, computer, cache, stream)
        let half = halves.next()
        while (half.done !== true) half = halves.next(half.value.partial)
        return stream
      },
    }
  }
  try {
    return selfProbe(computerOf, span)
  } finally {
    releaseHalves(halves)
  }
}

/** When one graph cannot be loaded, those before it are freed. */
function loadHalves(load: LoadHalf, spec: BlockSpec, block: number): HalfSessions {
  const loaded: ComputeSession[] = []
  const loadOne = (half: Half, stage: HalfStage): ComputeSession => {
    const session = load(block, half, stage)
    loaded.push(session)
    return session
  }
  const both = (half: Half): HalfSession => ({
    partial: loadOne(half, 'partial'),
    postNorm: hasPostNorm(spec) ? loadOne(half, 'post-norm') : null,
  })
  try {
    return { attention: both('attention'), 'feed-forward': both('feed-forward') }
  } catch (error) {
    for (const session of loaded) session.release()
    throw error
  }
}

function releaseHalves(halves: HalfSessions): void {
  for (const { partial, postNorm } of Object.values(halves)) {
    partial.release()
    postNorm?.release()
  }
}

interface Computed {
  readonly partial: Float32Array
  readonly computedMs: number
}

/**
 * Yields each half's partial rows, takes the sum of all ranks, and adds it to the stream: the float32 addition that the
 * fused norm makes inside a whole block.
 */
function* throughBlock(
  clock: Pick<Clock, 'nowMs'>,
  { normPlaces }: BlockSpec,
  computer: HalfComputer,
  cache: KeyValueCache,
  stream: Float32Array,
): Generator<Computed, void, Float32Array> {
  // With a norm for both halves, the second one starts from the same rows.
  const before = normPlaces === 'shared' ? stream.slice() : stream
  const halves: readonly (readonly [Half, () => Float32Array])[] = [
    ['attention', () => computer.attention(cache, stream)],
    ['feed-forward', () => computer.feedForward(before)],
  ]
  for (const [half, compute] of halves) {
    const beganMs = clock.nowMs()
    const partial = compute()
    const branch = computer.close(half, yield { partial, computedMs: clock.nowMs() - beganMs })
    for (let index = 0; index < stream.length; index += 1)
      stream[index] = (stream[index] as number) + (branch[index] as number)
    freeMemory(partial.buffer)
  }
}
