import { ShoalError, type MemoryBudget } from '@shoal/host'
import { unitsOfRange, type ModelConfig } from '@shoal/model'
import type { BlockRunner, Device, LoadOptions } from '@shoal/runtime'
import type { Holding } from '../holding.ts'
import type { LoadedSpan } from './loaded-spans.ts'

export interface SpanLoaderDependencies {
  readonly config: ModelConfig
  readonly device: Pick<Device, 'loadBlocks'>
  /** As {@link LoadOptions.streamWeights}, for spans that this node holds alone. */
  readonly streamWeights?: boolean | undefined
  /** Forms the group of a holding that has one; absent where this node leads none. */
  readonly lead?: ((holding: Holding, options: LoadOptions) => Promise<BlockRunner>) | undefined
  /** Brings the weights of these units to this machine. */
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

/**
 * Loads a span alone, or forms the group that computes it.
 * @param others spans that are in memory already
 * @throws {ShoalError} `not-ready` while another of this node's groups is in memory; errors of the device and of the group
 */
export async function loadSpan(
  dependencies: SpanLoaderDependencies,
  holding: Holding,
  memory: MemoryBudget,
  others: () => readonly LoadedSpan[],
  signal: AbortSignal,
): Promise<LoadedSpan> {
  await dependencies.ensureUnits(unitsOfRange(dependencies.config, holding), signal)
  const options = { memory, signal }
  const runner = await (holding.group === undefined
    ? dependencies.device.loadBlocks(holding, {
        ...options,
        ...(dependencies.streamWeights === true && { streamWeights: true }),
      })
    : lead(dependencies, holding, options, others()))
  // The node announces `holding`, so the runner must compute exactly these blocks.
  if (runner.range.start !== holding.start || runner.range.end !== holding.end) {
    await runner.release()
    throw new ShoalError(
      'internal',
      `asked for blocks ${holding.start}:${holding.end}, loaded ${runner.range.start}:${runner.range.end}`,
    )
  }
  return { holding, runner }
}

function lead(
  dependencies: SpanLoaderDependencies,
  holding: Holding,
  options: LoadOptions,
  others: readonly LoadedSpan[],
): Promise<BlockRunner> {
  // Two groups of one leader would call the same ranks in different orders, and wait for each other.
  if (others.some((span) => span.holding.group !== undefined))
    return Promise.reject(new ShoalError('not-ready', 'a group that this node leads still serves'))
  return (
    dependencies.lead?.(holding, options) ??
    Promise.reject(new ShoalError('internal', 'this node leads no groups'))
  )
}
