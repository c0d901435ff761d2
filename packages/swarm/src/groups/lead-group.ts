import type { Clock, Logger, Random } from '@shoal/host'
import {
  formatProfile,
  rankShare,
  type BlockRange,
  type BlockSplit,
  type IdentifiedManifest,
} from '@shoal/model'
import type { Transport } from '@shoal/network'
import { createGroupRunner, type GroupPeer, type GroupRunner } from '@shoal/group'
import type { Device, LoadOptions } from '@shoal/runtime'

export interface LeadGroupDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
}

export interface LedRange {
  readonly range: BlockRange
  readonly split: BlockSplit
  /** Ranks 1 and up. */
  readonly members: readonly GroupPeer[]
  /** Peers that may take the place of a lost member, in this order. */
  readonly spares?: readonly GroupPeer[]
}

/**
 * Forms a group in which `own` computes rank 0.
 * @throws {ShoalError} what kept a member from taking its place
 */
export function leadGroup(
  dependencies: LeadGroupDependencies,
  own: Pick<Device, 'loadRank' | 'numericClass'>,
  { range, split, members, spares }: LedRange,
  { memory, signal }: LoadOptions,
): Promise<GroupRunner> {
  const { transport, clock, random, logger, manifest } = dependencies
  const { config, profile } = manifest.manifest
  const share = rankShare(config, profile, split, 0)
  return createGroupRunner(
    {
      transport,
      clock,
      random,
      logger,
      loadOwn: (sum) =>
        own.loadRank(range, { share, sum, memory, ...(signal === undefined ? {} : { signal }) }),
    },
    {
      manifestId: manifest.id,
      profile: formatProfile(profile),
      range,
      split,
      numericClass: own.numericClass,
      members,
      ...(spares === undefined ? {} : { spares }),
    },
    signal ?? new AbortController().signal,
  )
}
