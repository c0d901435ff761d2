import { ShoalError, sleep, type Clock, type Logger, type MemoryBudget, type Random } from '@shoal/host'
import { formatProfile, rankShare, splitBlocks, unitsOfRange, type IdentifiedManifest } from '@shoal/model'
import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { GroupOf, Plan } from '@shoal/planner'
import type { FormGroup } from '@shoal/protocol'
import { decorateRunner, type BlockRunner, type Device, type LoadOptions } from '@shoal/runtime'
import { createGroupRunner, createRankHost } from '@shoal/group'
import type { Holding } from '../placement/holding.ts'
import { swarmLimits } from '../limits.ts'
import { createStepSpeed, type StepSpeed } from '../measuring/step-speed.ts'

export interface PlannedGroupsDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly device: Pick<Device, 'loadRank' | 'numericClass'>
  readonly membership: Pick<Membership, 'members'>
  readonly plan: () => Pick<Plan, 'placements'>
  /** Of what a step takes in this group, what each 1,024 positions of the cache add. */
  microsPer1024Past(group: GroupOf): number
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

export interface PlannedGroupsOptions {
  /** Shares that this node computes for others, and its own as a leader, are taken from it. */
  readonly memory: MemoryBudget
}

/** A node's part in the groups that plans form: it leads one, or is a rank of one, never both and never of two. */
export interface PlannedGroups {
  /**
   * Forms the group and leads it: one runner for all ranks.
   * @throws {ShoalError} `not-ready` while this node is in another group, or what kept a rank from taking its place
   */
  lead(holding: Holding, options: LoadOptions): Promise<BlockRunner>
  /** What real steps take in the group that it leads; null before there are enough, and without one. */
  decodeMicrosPerBlock(): number | null
  /** Resolves when no group has a share of this node's; meanwhile and afterwards it joins none. */
  retire(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createPlannedGroups(
  dependencies: PlannedGroupsDependencies,
  { memory }: PlannedGroupsOptions,
): PlannedGroups {
  const { transport, clock, logger, manifest, device, membership } = dependencies
  const { config, profile } = manifest.manifest
  let leads = false
  let steps: StepSpeed | null = null
  let retired = false

  /** Two calls of two groups, in another order at each of two ranks, would wait for each other. @throws {ShoalError} with the reason */
  const accepts = (leader: string, request: FormGroup): boolean => {
    if (retired) throw new ShoalError('not-ready', 'this node is leaving')
    if (leads) throw new ShoalError('not-ready', 'this node leads a group itself')
    if (host.leaders().some((other) => other !== leader))
      throw new ShoalError('not-ready', 'this node is a rank of another group')
    return dependencies.plan().placements.some(({ peer, start, end, group }) => {
      if (peer !== leader || group === undefined || start !== request.start || end !== request.end)
        return false
      const split = splitBlocks(config, profile, group.speeds)
      return (
        sameText(
          [leader, ...group.ranks],
          request.peers.map((one) => one.peer),
        ) &&
        sameText(split.heads, request.heads) &&
        sameText(split.columns, request.columns)
      )
    })
  }

  const host = createRankHost(
    { transport, clock, logger },
    {
      manifestId: manifest.id,
      profile: formatProfile(profile),
      get numericClass() {
        return device.numericClass
      },
      accepts,
      async load({ range, split, rank, sum }, signal) {
        await dependencies.ensureUnits(unitsOfRange(range), signal)
        const share = rankShare(config, profile, split, rank)
        return device.loadRank(range, { share, sum, memory, signal })
      },
    },
  )

  return {
    async lead({ start, end, group }, { memory, signal }) {
      if (group === undefined) throw new ShoalError('internal', 'a group of nobody')
      if (retired || leads || host.groups > 0)
        throw new ShoalError('not-ready', 'this node is in another group')
      const split = splitBlocks(config, profile, group.speeds)
      const members = group.ranks.map((peer) => ({
        peer,
        addresses: membership.members().find(({ record }) => record.peerId === peer)?.record.addresses ?? [],
      }))
      leads = true
      try {
        const runner = await createGroupRunner(
          {
            ...dependencies,
            loadOwn: (sum) =>
              device.loadRank(
                { start, end },
                {
                  share: rankShare(config, profile, split, 0),
                  sum,
                  memory,
                  ...(signal === undefined ? {} : { signal }),
                },
              ),
          },
          {
            manifestId: manifest.id,
            profile: formatProfile(profile),
            range: { start, end },
            split,
            numericClass: device.numericClass,
            members,
          },
          signal ?? new AbortController().signal,
        )
        const ownSteps = createStepSpeed(clock, () => dependencies.microsPer1024Past(group))
        steps = ownSteps
        return decorateRunner(ownSteps.watchRunner(runner, { start, end }), {
          async release() {
            // Releasing twice says nothing of a group that is led since.
            if (steps === ownSteps) [leads, steps] = [false, null]
            await runner.release()
          },
        })
      } catch (error) {
        leads = false
        throw error
      }
    },
    decodeMicrosPerBlock: () => steps?.decodeMicrosPerBlock() ?? null,
    async retire(signal) {
      retired = true
      while (host.groups > 0) await sleep(clock, swarmLimits.settleMs, signal)
    },
    close: () => host.close(),
  }
}

function sameText(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
