import { seededRandom, type Random } from '@shoal/host'
import type { Snapshot, SnapshotMember } from '@shoal/membership'
import type { ModelCosts } from '@shoal/planner'

export interface PlannerCase {
  readonly snapshot: Snapshot
  readonly costs: ModelCosts
}

/** A block of an 8B model in int4 with a short context: what a phone holds few of and a desktop many. */
const blockBytes = 120_000_000
const contextLength = 1024
const cacheBytesPerTokenPerBlock = 8192
const rowBytes = 16_384
const bytesPerHeldBlock = blockBytes + contextLength * cacheBytesPerTokenPerBlock

/** Devices between a phone and a desktop with a graphics card, on one site, two sites, or spread. Speed and memory go together loosely. */
export function randomCluster(
  seed: number,
  peers: number,
  blockCount: number,
  blocksHeldMax: number,
): PlannerCase {
  const random = seededRandom(seed)
  const names = Array.from({ length: peers }, (_, index) => `node-${String(index).padStart(4, '0')}`)
  const sites = 1 + Math.floor(random.unit() * 3)
  const siteOf = names.map(() => Math.floor(random.unit() * sites))
  const siteRtt = Array.from({ length: sites * sites }, () => logUniform(random, 4000, 60_000))
  // Who has measured whom: all in a small cluster, a random two dozen in a large one.
  const members = names.map((peerId, index): SnapshotMember => {
    const held = 1 + Math.floor(random.unit() * blocksHeldMax)
    const decodeMicrosPerBlock = Math.round(logUniform(random, 300, 20_000) / Math.sqrt(held))
    const others =
      peers <= 32
        ? names.map((_, other) => other)
        : Array.from({ length: 24 }, () => Math.floor(random.unit() * peers))
    const links = Object.fromEntries(
      others
        .filter((other) => other !== index)
        .map((other) => {
          const [a, b] = [siteOf[index] ?? 0, siteOf[other] ?? 0]
          const rtt =
            a === b
              ? logUniform(random, 200, 4000)
              : (siteRtt[Math.min(a, b) * sites + Math.max(a, b)] ?? 0) * (0.9 + 0.2 * random.unit())
          return [names[other] ?? '', Math.round(rtt)]
        }),
    )
    return {
      peerId,
      incarnation: 1,
      state: 'joining',
      span: null,
      // The planner fills 80%, and keeps a journal of the stage's rows.
      hardware: {
        memoryBytes: Math.ceil((held * bytesPerHeldBlock + contextLength * rowBytes) / 0.8) + 1000,
        decodeMicrosPerBlock,
        prefillMicrosPerRowBlock: Math.ceil(decodeMicrosPerBlock / 10),
        bandwidthBytesPerSecond: Math.round(logUniform(random, 2e6, 1.2e8)),
        device: 'cpu',
        threads: 4,
      },
      numericClass: 'one',
      addresses: [],
      links,
    }
  })
  return {
    snapshot: { members },
    costs: { blockCount, blockBytes, cacheBytesPerTokenPerBlock, rowBytes, contextLength },
  }
}

function logUniform(random: Random, low: number, high: number): number {
  return low * (high / low) ** random.unit()
}
