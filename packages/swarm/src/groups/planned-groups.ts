import { ShoalError, sleep, type Clock, type Logger, type MemoryBudget, type Random } from '@shoal/host'
import {
  formatProfile,
  rankShare,
  splitBlocks,
  unitsOfShare,
  type BlockRange,
  type IdentifiedManifest,
} from '@shoal/model'
import type { Membership } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { GroupOf, Plan } from '@shoal/planner'
import type { FormGroup } from '@shoal/protocol'
import { decorateRunner, type BlockRunner, type Device, type LoadOptions } from '@shoal/runtime'
import { createRankHost, type GroupPeer, type RankHost } from '@shoal/group'
import type { Holding } from '../placement/holding.ts'
import { swarmLimits } from '../limits.ts'
import { createStepSpeed, type StepSpeed } from '../measuring/step-speed.ts'
import { leadGroup } from './lead-group.ts'
import { isPlanned } from './planned-rank.ts'

export interface PlannedGroupsDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly device: Pick<Device, 'loadRank' | 'numericClass'>
  readonly membership: Pick<Membership, 'members'>
  readonly plan: () => Pick<Plan, 'placements'>
  /** Microseconds per block that every 1,024 positions of the KV cache add to a step in this group. */
  microsPer1024Past(group: GroupOf): number
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

export interface PlannedGroupsOptions {
  /** Budget for the shares that this node computes, as a rank of other leaders and as a leader itself. */
  readonly memory: MemoryBudget
}

/** A node's part in the groups that plans form: it leads one group or is a rank of one, never both. */
export interface PlannedGroups {
  /**
   * Forms the group of `holding` and leads it.
   * @returns one runner for all ranks
   * @throws {ShoalError} `not-ready` while this node is in another group; what kept a rank from taking its place
   */
  lead(holding: Holding, options: LoadOptions): Promise<BlockRunner>
  /**
   * Microseconds per block in real steps of the group that this node leads; null before there are enough steps, and
   * without a group.
   */
  decodeMicrosPerBlock(): number | null
  /** Joins no group any more, and resolves when this node is a rank of none. */
  retire(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createPlannedGroups(
  dependencies: PlannedGroupsDependencies,
  { memory }: PlannedGroupsOptions,
): PlannedGroups {
  return new NodeGroups(dependencies, memory)
}

/** The group that this node leads, or is about to form. */
interface LedGroup {
  /** Null while the group is being formed. */
  steps: StepSpeed | null
}

class NodeGroups implements PlannedGroups {
  readonly #dependencies: PlannedGroupsDependencies
  readonly #host: RankHost
  #led: LedGroup | null = null
  #retired = false

  constructor(dependencies: PlannedGroupsDependencies, memory: MemoryBudget) {
    const { transport, clock, logger, manifest, device } = dependencies
    const { config, profile } = manifest.manifest
    this.#dependencies = dependencies
    this.#host = createRankHost(
      { transport, clock, logger },
      {
        manifestId: manifest.id,
        profile: formatProfile(profile),
        get numericClass() {
          return device.numericClass
        },
        accepts: (leader, request) => this.#accepts(leader, request),
        async load({ range, split, rank, sum }, signal) {
          const share = rankShare(config, profile, split, rank)
          await dependencies.ensureUnits(unitsOfShare(config, range, share), signal)
          return device.loadRank(range, { share, sum, memory, signal })
        },
      },
    )
  }

  async lead({ start, end, group }: Holding, options: LoadOptions): Promise<BlockRunner> {
    if (group === undefined) throw new ShoalError('internal', 'a holding without a group cannot be led')
    if (this.#retired || this.#led !== null || this.#host.groups > 0)
      throw new ShoalError('not-ready', 'this node is in another group')
    const { manifest, device } = this.#dependencies
    const { config, profile } = manifest.manifest
    const range = { start, end }
    const split = splitBlocks(config, profile, group.speeds)
    const members = group.ranks.map((peer) => this.#peer(peer))
    const led: LedGroup = { steps: null }
    this.#led = led
    try {
      const runner = await leadGroup(this.#dependencies, device, { range, split, members }, options)
      return this.#watched(led, runner, range, group)
    } catch (error) {
      this.#led = null
      throw error
    }
  }

  decodeMicrosPerBlock(): number | null {
    return this.#led?.steps?.decodeMicrosPerBlock() ?? null
  }

  async retire(signal: AbortSignal): Promise<void> {
    this.#retired = true
    while (this.#host.groups > 0) await sleep(this.#dependencies.clock, swarmLimits.settleMs, signal)
  }

  close(): Promise<void> {
    return this.#host.close()
  }

  /** The runner, whose steps are timed, and whose release ends the leadership. */
  #watched(led: LedGroup, runner: BlockRunner, range: BlockRange, group: GroupOf): BlockRunner {
    const { clock } = this.#dependencies
    const steps = createStepSpeed(clock, () => this.#dependencies.microsPer1024Past(group))
    led.steps = steps
    return decorateRunner(steps.watchRunner(runner, range), {
      release: async () => {
        // A second release must not end the leadership of a later group.
        if (this.#led === led) this.#led = null
        await runner.release()
      },
    })
  }

  #peer(peer: string): GroupPeer {
    const members = this.#dependencies.membership.members()
    return {
      peer,
      addresses: members.find(({ record }) => record.peerId === peer)?.record.addresses ?? [],
    }
  }

  /**
   * Whether this node becomes a rank of `leader`. A node is in one group only: calls of two groups that reach two ranks in
   * different orders would wait for each other.
   * @throws {ShoalError} `not-ready` with the reason
   */
  #accepts(leader: string, request: FormGroup): boolean {
    const { manifest, plan } = this.#dependencies
    if (this.#retired) throw new ShoalError('not-ready', 'this node is leaving')
    if (this.#led !== null) throw new ShoalError('not-ready', 'this node leads a group itself')
    if (this.#host.leaders().some((other) => other !== leader))
      throw new ShoalError('not-ready', 'this node is a rank of another group')
    return isPlanned(plan().placements, manifest.manifest, leader, request)
  }
}
