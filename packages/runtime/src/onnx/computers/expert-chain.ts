import type { Clock } from '@shoal/host'
import type { BlockSpec } from '@shoal/model'
import { limits } from '../../limits.ts'
import { blockOf, hiddenSizeOf, partOf, type Span } from '../../span.ts'
import { createChainCaches, type BlockChain } from './block-chain.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import type { LoadedBlock } from './loaded-block.ts'
import type { RoutedRows } from './mixture-computer.ts'
import type { RankSum } from './rank-chain.ts'
import { createRotations } from './rotation.ts'
import type { RowPadding } from './row-padding.ts'

export interface ExpertChainOptions {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly span: Span
  readonly paddingOf: (spec: BlockSpec) => RowPadding
  /** Loads a block with the rank's experts. */
  readonly load: (block: Span) => LoadedBlock
  readonly sum: RankSum
}

/** Rows through one block, by the rank alone or with the others. */
type Step = (cache: KeyValueCache, rows: Float32Array) => Float32Array | Promise<Float32Array>

/**
 * A rank's share of a span whose blocks have experts: the rank computes all but the experts of the other ranks, whose outputs
 * it gets from them. Each output comes from one rank and is zero at all others, so their sum has its bits, and the rank
 * computes the bits of a peer that has all experts.
 */
export function createExpertChain({ clock, span, paddingOf, load, sum }: ExpertChainOptions): BlockChain {
  const { range } = span
  const rotationOf = createRotations()
  const loaded: LoadedBlock[] = []
  const release = (): void => {
    for (const block of loaded.splice(0)) block.release()
  }
  let steps: readonly Step[]
  try {
    steps = span.blocks.map((spec, index) => {
      const block = load(blockOf(span, range.start + index))
      loaded.push(block)
      const [padding, rotation] = [paddingOf(spec), rotationOf(spec.attention)]
      const mixture = block.mixture(padding, rotation)
      if (mixture === null) {
        const computer = block.computer(padding, rotation)
        return (cache, rows) => computer.forward(cache, rows)
      }
      return async (cache, rows) => {
        const beganMs = clock.nowMs()
        const routed = mixture.route([{ cache, rows: rows.length / spec.hiddenSize }], rows)
        await shareOutputs(routed, spec.hiddenSize, clock.nowMs() - beganMs, sum)
        return mixture.mix(routed)
      }
    })
  } catch (error) {
    release()
    throw error
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
        for (let at = 0; at < whole.length; at += chunk) {
          let rows: Float32Array = whole.subarray(at, at + chunk)
          for (const [index, cache] of caches.blocks.entries()) {
            const step = steps[caches.part.start - range.start + index]
            if (step === undefined)
              throw new Error(`block ${caches.part.start + index} is not in ${range.start}:${range.end}`)
            rows = await step(cache, rows)
          }
          whole.set(rows, at)
        }
      } catch (error) {
        caches.truncate(before)
        throw error
      }
      return whole
    },
  }
}

/** Completes the experts' outputs with those of the other ranks, in exchanges of limited length. */
async function shareOutputs(
  { outputs }: RoutedRows,
  hiddenSize: number,
  computedMs: number,
  sum: RankSum,
): Promise<void> {
  const longest = limits.rowsPerCallMax * hiddenSize
  for (let at = 0; at < outputs.length; at += longest) {
    const part = outputs.subarray(at, at + longest)
    const total = sum(part, at === 0 ? computedMs : 0)
    part.set(total instanceof Promise ? await total : total)
  }
}
