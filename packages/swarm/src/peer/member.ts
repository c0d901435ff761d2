import { createMemoryBudget, every, messageOf, type Clock, type Logger, type Random } from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import { createMembership, type Conduct, type Membership, type MembershipProfile } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { createStageHost, type StageHost } from '@shoal/session'
import { createBusyMeter } from '../measuring/busy-meter.ts'
import { swarmLimits } from '../limits.ts'
import type { LinkRates } from '../measuring/link-rates.ts'
import type { Scope } from '../scope.ts'
import { createPlannedGroups, type PlannedGroups } from '../groups/planned-groups.ts'
import { createSaidHardware, type SaidHardware } from '../measuring/calibration/announced-hardware.ts'
import { createSpanKeeper, type SpanKeeper } from '../placement/span-keeper.ts'
import type { SwarmEvent } from '../types.ts'
import { createSwarmView, type Planner, type SwarmView } from '../view/swarm-view.ts'
import { watchMembers } from './watch-members.ts'

export interface MemberDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly device: Device
  /** What links to this peer have carried; absent where nothing measures it. */
  readonly rates?: LinkRates
  /** The account of neighbours' faults; membership keeps its own where it is absent. */
  readonly conduct?: Conduct
  /** By default this member plans for itself. */
  readonly planner?: Planner
  /** A number above `atLeast` and all before it, persisted before it returns. */
  nextIncarnation(atLeast: number): number
  /** Brings a span's weights to this machine. */
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

export interface MemberOptions {
  readonly profile: MembershipProfile
  /** Exactly these blocks instead of what the plan says. */
  readonly blocks?: readonly [number, number] | undefined
  /** It takes part in groups that plans form. */
  readonly groups?: boolean | undefined
  /** For weights and KV caches together. */
  readonly memoryBytes: number
  onEvent(event: SwarmEvent): void
}

/** Everything of a serving member that stands on a transport, a clock and a device. */
export interface Member {
  readonly membership: Membership
  readonly stageHost: StageHost
  readonly view: SwarmView
  readonly keeper: SpanKeeper
  readonly said: SaidHardware
  /** Null where it takes no part. */
  readonly groups: PlannedGroups | null
}

/** Beats carry the load; it is read this often. */
const loadIntervalMs = 500

/** Puts a member together; nothing has been announced yet. What is opened is closed with `scope`. */
export function createMember(dependencies: MemberDependencies, options: MemberOptions, scope: Scope): Member {
  const { transport, clock, random, logger, manifest, device, rates, planner } = dependencies
  const membership = createMembership(
    {
      transport,
      clock,
      random,
      logger,
      nextIncarnation: (atLeast) => dependencies.nextIncarnation(atLeast),
      ...(dependencies.conduct === undefined ? {} : { conduct: dependencies.conduct }),
    },
    { ...options.profile, document: manifest.id, incarnation: dependencies.nextIncarnation(0) },
  )
  scope.onClose(() => membership.close())

  const stageHost = createStageHost(
    { transport, clock, logger },
    {
      manifestId: manifest.id,
      profile: formatProfile(manifest.manifest.profile),
      get numericClass() {
        return device.numericClass
      },
      get incarnation() {
        return membership.incarnation
      },
      onEvent: (event) => options.onEvent(event),
    },
  )
  scope.onClose(() => stageHost.close())

  const view = createSwarmView({
    selfId: transport.peerId,
    manifest,
    membership,
    ...(rates === undefined ? {} : { rates }),
    ...(planner === undefined ? {} : { planner }),
  })
  const meter = createBusyMeter(clock)
  const said = createSaidHardware(({ group }) => (group === undefined ? null : view.together(group)))
  const watched = meter.watch(device)
  const memory = createMemoryBudget(options.memoryBytes)
  const ensureUnits = (units: readonly string[], ended: AbortSignal): Promise<void> =>
    dependencies.ensureUnits(units, ended)
  const groups =
    options.groups === true
      ? createPlannedGroups(
          {
            transport,
            clock,
            random,
            logger,
            manifest,
            device: watched,
            membership,
            plan: () => view.plan(),
            microsPer1024Past: (group) => view.together(group)?.decodeMicrosPer1024Past ?? 0,
            ensureUnits,
          },
          { memory },
        )
      : null
  if (groups !== null) {
    scope.onClose(() => groups.close())
    // What is predicted of groups is less sure than what is of single peers: routes go by what they do.
    const measured = every(
      clock,
      swarmLimits.sayAgainMs,
      async () => {
        const micros = groups.decodeMicrosPerBlock()
        const told = micros === null ? null : said.together(micros)
        if (told !== null) await membership.announce(told)
      },
      (error) => logger.warn('group-speed-not-said', { reason: messageOf(error) }),
    )
    scope.onClose(() => measured.cancel())
  }
  const keeper: SpanKeeper = createSpanKeeper(
    {
      clock,
      logger,
      selfId: transport.peerId,
      membership,
      view,
      stageHost,
      device: watched,
      ensureUnits,
      said: (holding) => said.serving(holding),
      ...(groups !== null && {
        lead: (holding, loading) => groups.lead(holding, loading),
      }),
    },
    {
      fixed: options.blocks === undefined ? null : { start: options.blocks[0], end: options.blocks[1] },
      memory,
      onEvent: (event) => options.onEvent(event),
    },
  )
  scope.onClose(() => keeper.stop())
  watchMembers(
    { transport, membership, logger },
    (event) => options.onEvent(event),
    () => keeper.dropSessions(),
  )
  const loads = every(
    clock,
    loadIntervalMs,
    () => membership.setLoad({ sessions: stageHost.sessions(), busyPermille: meter.takePermille() }),
    (error) => logger.warn('load-failed', { reason: messageOf(error) }),
  )
  scope.onClose(() => loads.cancel())
  return { membership, stageHost, view, keeper, said, groups }
}
