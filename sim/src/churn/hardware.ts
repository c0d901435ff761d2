import type { World } from '@shoal/membership/testing'
import { spanBytes } from '@shoal/planner'
import { churnCosts } from './plans.ts'

interface Computing {
  readonly memoryBytes: number
  readonly decodeMicrosPerBlock: number
  readonly prefillMicrosPerRowBlock: number
}

export interface ChurnHardware extends Computing {
  readonly bandwidthBytesPerSecond: number
  readonly device: string
  readonly threads: number
}

/** Between a phone and a desktop: room for two to eight of the 24 blocks. */
export function hardwareOf({ random }: World): ChurnHardware {
  const decodeMicrosPerBlock = 500 + Math.floor(random.unit() * 10_000)
  const blocks = 2 + Math.floor(random.unit() * 7)
  return {
    ...computing(decodeMicrosPerBlock, blocks),
    bandwidthBytesPerSecond: 100_000_000,
    device: 'cpu',
    threads: 1,
  }
}

/** A desktop that does little else: room for more blocks, each of them slow enough that some groups pay. */
export function roomyHardwareOf(world: World): ChurnHardware {
  const decodeMicrosPerBlock = 10_000 + Math.floor(world.random.unit() * 40_000)
  const blocks = 8 + Math.floor(world.random.unit() * 60)
  return { ...hardwareOf(world), ...computing(decodeMicrosPerBlock, blocks) }
}

/** @param blocks for which there is room when a planner counts 80% of the memory */
function computing(decodeMicrosPerBlock: number, blocks: number): Computing {
  return {
    memoryBytes: Math.ceil(spanBytes(blocks, churnCosts, churnCosts.contextLength) / 0.8) + 1000,
    decodeMicrosPerBlock,
    prefillMicrosPerRowBlock: Math.ceil(decodeMicrosPerBlock / 10),
  }
}
