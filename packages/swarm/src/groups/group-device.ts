import { ShoalError } from '@shoal/host'
import { splitBlocks, splitVocabulary, type BlockRange, type BlockSplit, type IndexRange } from '@shoal/model'
import { decorateDevice, type Device, type HeadRunner, type LoadOptions } from '@shoal/runtime'
import type { GroupPeer, GroupRunner } from '@shoal/group'
import { isWorthAsking, loadHeadParts, type HeadPart } from './head/head-parts.ts'
import { createSharedHead } from './head/shared-head.ts'
import { leadGroup, type LeadGroupDependencies } from './lead-group.ts'

export interface GroupOptions {
  /** Multiaddrs of ranks 1 and up, each ending in `/p2p/<peer id>`. */
  readonly ranks: readonly string[]
  /** Multiaddrs of peers that take the place of a lost rank, in this order. */
  readonly spares?: readonly string[] | undefined
  /** Relative speeds of all ranks, this node's first; only their ratios count. Equal when absent. */
  readonly speeds?: readonly number[] | undefined
  /** Shares the head also with ranks that would not be quicker than this node; for tests. */
  readonly alwaysShareHead?: boolean | undefined
}

/**
 * Bytes that the leader of a group announces: the memory of all ranks together, if each has as much per unit of speed as
 * the leader. A rank that has less refuses when the group is formed.
 */
export function groupMemoryBytes(
  ownBytes: number,
  { ranks, speeds = [1, ...ranks.map(() => 1)] }: GroupOptions,
): number {
  const [own = 1] = speeds
  return Math.floor((ownBytes * speeds.reduce((sum, speed) => sum + speed, 0)) / own)
}

/**
 * A device whose blocks are computed by a group with `own` as rank 0, the leader. Loading blocks on it gives one runner for
 * the whole group.
 *
 * @throws {ShoalError} `bad-request` for addresses without a peer id and for speeds of another number of ranks; errors of
 *   `splitBlocks`
 */
export function createGroupDevice(
  dependencies: LeadGroupDependencies,
  own: Device,
  options: GroupOptions,
): Device {
  const group = new Leader(dependencies, own, options)
  return decorateDevice(own, {
    get numericClass() {
      return group.numericClass
    },
    loadBlocks: (range, load) => group.loadBlocks(range, load),
    loadHead: (vocabulary) => group.loadHead(vocabulary),
  })
}

class Leader {
  readonly #dependencies: LeadGroupDependencies
  readonly #own: Device
  readonly #alwaysShareHead: boolean
  readonly #members: readonly GroupPeer[]
  readonly #spares: readonly GroupPeer[]
  readonly #speeds: readonly number[]
  readonly #split: BlockSplit
  #latest: GroupRunner | null = null
  #parts: readonly HeadPart[] = []

  constructor(dependencies: LeadGroupDependencies, own: Device, options: GroupOptions) {
    const { config, profile } = dependencies.manifest.manifest
    this.#dependencies = dependencies
    this.#own = own
    this.#alwaysShareHead = options.alwaysShareHead === true
    this.#members = options.ranks.map(peerOf)
    this.#spares = (options.spares ?? []).map(peerOf)
    const count = this.#members.length + 1
    this.#speeds = options.speeds ?? new Array<number>(count).fill(1)
    if (this.#speeds.length !== count)
      throw new ShoalError('bad-request', `${count} ranks have ${this.#speeds.length} speeds`)
    this.#split = splitBlocks(config, profile, this.#speeds)
  }

  get numericClass(): string {
    return this.#latest?.numericClass ?? this.#own.numericClass
  }

  async loadBlocks(range: BlockRange, options: LoadOptions): Promise<GroupRunner> {
    const group = { range, split: this.#split, members: this.#members, spares: this.#spares }
    const runner = await leadGroup(this.#dependencies, this.#own, group, options)
    this.#latest = runner
    this.#shareHead()
    return runner
  }

  async loadHead(vocabulary: IndexRange | undefined): Promise<HeadRunner> {
    const { clock, manifest } = this.#dependencies
    const { config } = manifest.manifest
    const split = splitVocabulary(config.vocabularySize, this.#speeds)
    if (vocabulary !== undefined || split.some(({ start, end }) => start === end))
      return this.#own.loadHead(vocabulary)
    const parts = await loadHeadParts(clock, this.#own, split, config.hiddenSize)
    this.#parts = parts
    this.#shareHead()
    return createSharedHead({ ...config, parts, group: () => this.#latest?.head ?? null })
  }

  /** Asks the ranks to load their parts. Only the group of the last block has the rows that the head starts from. */
  #shareHead(): void {
    const { config } = this.#dependencies.manifest.manifest
    if (this.#latest === null || this.#latest.range.end !== config.blockCount) return
    const { costs, head } = this.#latest
    const isShared = (part: HeadPart): boolean =>
      part.rank > 0 && (this.#alwaysShareHead || isWorthAsking(part, config.hiddenSize, costs))
    head.share(this.#parts.map((part) => (isShared(part) ? part.vocabulary : null)))
  }
}

function peerOf(address: string): GroupPeer {
  const peer = /\/p2p\/([^/]+)$/.exec(address)?.[1]
  if (peer === undefined)
    throw new ShoalError('bad-request', `${address} does not say which peer it is: it ends in /p2p/<peer id>`)
  return { peer, addresses: [address] }
}
