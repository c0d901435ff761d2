import { formatBytes } from '@shoal/host/node'
import type { IdentifiedManifest } from '@shoal/model'
import type { SwarmStatus } from '@shoal/swarm'
import { leastThat } from './memory-plan.ts'

/** `block 3`, or `blocks 2, 3 and others`: enough to see where they are. */
export function blockNames(blocks: readonly number[]): string {
  const shown = blocks.slice(0, 8).join(', ')
  return `block${blocks.length === 1 ? '' : 's'} ${shown}${blocks.length > 8 ? ` and ${blocks.length - 8} more` : ''}`
}

/** Blocks that nobody serves. */
export const missingBlocks = ({ coverage }: Pick<SwarmStatus, 'coverage'>): number[] =>
  coverage.flatMap((holders, block) => (holders === 0 ? [block] : []))

/** What is missing for a first answer, in bytes of memory; null when every block is served. */
export async function missingText(
  { manifest }: IdentifiedManifest,
  status: Pick<SwarmStatus, 'coverage'>,
): Promise<string | null> {
  const missing = missingBlocks(status)
  if (missing.length === 0) return null
  const planner = await import('@shoal/planner')
  const costs = planner.modelCosts(manifest.config, manifest.profile)
  const contextTokens = Math.min(planner.defaultContextTokens, manifest.config.contextLength)
  const bytesFor = (blocks: number): string =>
    formatBytes(leastThat((bytes) => planner.blocksThatFit(bytes, costs, contextTokens) >= blocks))
  const whole = manifest.config.blockCount
  return `Nobody serves ${blockNames(missing)} of ${manifest.name} yet, so that it cannot answer. ${missing.length} block${missing.length === 1 ? ' needs' : 's need'} ${bytesFor(missing.length)} of memory: let more nodes join. Alone, a node needs --memory ${bytesFor(whole).replace(' ', '')} for all ${whole} blocks, or --stream-weights, which reads them from disk in every step and is slow.`
}
