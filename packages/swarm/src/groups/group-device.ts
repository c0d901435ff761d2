import { ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import {
  formatProfile,
  rankShare,
  splitBlocks,
  splitVocabulary,
  type IdentifiedManifest,
  type IndexRange,
} from '@shoal/model'
import type { Transport } from '@shoal/network'
import { decorateDevice, type Device } from '@shoal/runtime'
import { createGroupRunner, type GroupPeer, type GroupRunner } from '@shoal/group'
import { createSharedHead, isWorthAsking, timeHead, type HeadPart } from './shared-head.ts'

export interface GroupOptions {
  /** Multiaddrs of ranks 1 and up, each ending in `/p2p/<peer id>`. */
  readonly ranks: readonly string[]
  /** Who takes the place of one that is lost, in this order. */
  readonly spares?: readonly string[] | undefined
  /** Of all ranks, this node's first; only ratios count. Equal when absent. */
  readonly speeds?: readonly number[] | undefined
  /** Also where a rank's part of the head would be computed here as fast as asked for; for tests. */
  readonly alwaysShareHead?: boolean | undefined
}

/**
 * Memory that a leader announces: a block takes its share of each rank's. A rank with less than its part of it says so when
 * the group is formed.
 */
export function groupMemoryBytes(
  ownBytes: number,
  { ranks, speeds = [1, ...ranks.map(() => 1)] }: GroupOptions,
): number {
  const [own = 1] = speeds
  return Math.floor((ownBytes * speeds.reduce((sum, speed) => sum + speed, 0)) / own)
}

export interface GroupDeviceDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
}

/**
 * A device whose blocks are computed by a group: this node's device is rank 0, and leads. Whoever loads blocks on it
 * gets one runner for the whole group.
 *
 * @throws {ShoalError} `bad-request` for addresses without a peer id or speeds of another number of ranks; what `splitBlocks` refuses
 */
export function grouped(dependencies: GroupDeviceDependencies, own: Device, options: GroupOptions): Device {
  const { manifest } = dependencies
  const { config, profile } = manifest.manifest
  const members = options.ranks.map(peerOf)
  const spares = (options.spares ?? []).map(peerOf)
  const speeds = options.speeds ?? [1, ...members.map(() => 1)]
  if (speeds.length !== members.length + 1)
    throw new ShoalError('bad-request', `${members.length + 1} ranks have ${speeds.length} speeds`)
  const split = splitBlocks(config, profile, speeds)
  let latest: GroupRunner | null = null
  let parts: readonly HeadPart[] = []

  /** Whoever leads the group of the last block has the rows that the head starts from anyway. */
  const shareHead = (): void => {
    if (latest === null || latest.range.end !== config.blockCount) return
    const { costs, head } = latest
    head.share(
      parts.map((part) =>
        part.rank > 0 && (options.alwaysShareHead === true || isWorthAsking(part, config.hiddenSize, costs))
          ? part.vocabulary
          : null,
      ),
    )
  }
  const loadPart = async (vocabulary: IndexRange, rank: number): Promise<HeadPart> => {
    const head = await own.loadHead(vocabulary)
    try {
      return { rank, vocabulary, head, ms: await timeHead(dependencies.clock, head, config.hiddenSize) }
    } catch (error) {
      await head.release()
      throw error
    }
  }

  return decorateDevice(own, {
    get numericClass() {
      return latest?.numericClass ?? own.numericClass
    },
    async loadBlocks(range, { memory, signal }) {
      const never = new AbortController().signal
      const runner = await createGroupRunner(
        {
          ...dependencies,
          loadOwn: (sum) =>
            own.loadRank(range, {
              share: rankShare(config, profile, split, 0),
              sum,
              memory,
              ...(signal === undefined ? {} : { signal }),
            }),
        },
        {
          manifestId: manifest.id,
          profile: formatProfile(profile),
          range,
          split,
          numericClass: own.numericClass,
          members,
          spares,
        },
        signal ?? never,
      )
      latest = runner
      shareHead()
      return runner
    },
    async loadHead(vocabulary) {
      const split = splitVocabulary(config.vocabularySize, speeds)
      if (vocabulary !== undefined || split.some(({ start, end }) => start === end))
        return own.loadHead(vocabulary)
      const loaded: HeadPart[] = []
      try {
        for (const [rank, part] of split.entries()) loaded.push(await loadPart(part, rank))
      } catch (error) {
        for (const { head } of loaded) await head.release()
        throw error
      }
      parts = loaded
      shareHead()
      return createSharedHead({ ...config, parts, group: () => latest?.head ?? null })
    },
  })
}

function peerOf(address: string): GroupPeer {
  const peer = /\/p2p\/([^/]+)$/.exec(address)?.[1]
  if (peer === undefined)
    throw new ShoalError('bad-request', `${address} does not say which peer it is: it ends in /p2p/<peer id>`)
  return { peer, addresses: [address] }
}
