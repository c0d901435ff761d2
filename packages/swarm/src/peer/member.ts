import {
  createMemoryBudget,
  every,
  messageOf,
  type Clock,
  type Logger,
  type MemoryBudget,
  type Random,
} from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import { createMembership, type Conduct, type Membership, type MembershipProfile } from '@shoal/membership'
import type { Transport } from '@shoal/network'
import type { Device } from '@shoal/runtime'
import { createStageHost, type StageHost, type StagePeers } from '@shoal/session'
import { createBusyMeter, type BusyMeter } from '../measuring/busy-meter.ts'
import type { LinkRates } from '../measuring/link-rates.ts'
import { streamingText, type StreamedSpan } from '../placement/held/streamed-span.ts'
import type { Scope } from '../scope.ts'
import { announceGroupSpeed } from '../groups/announce-group-speed.ts'
import { createPlannedGroups, type PlannedGroups } from '../groups/planned-groups.ts'
import {
  createAnnouncedHardware,
  type AnnouncedHardware,
} from '../measuring/calibration/announced-hardware.ts'
import { createSpanKeeper, type SpanKeeper } from '../placement/span-keeper.ts'
import { createKnownPeers } from '../trust/known-peers.ts'
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
  /** Measured rates of links to this peer; absent where nothing measures them. */
  readonly rates?: LinkRates
  /** The account of neighbours' misconduct; membership keeps its own when it is absent. */
  readonly conduct?: Conduct
  /** Peers that plans and routes leave out; nobody when absent. */
  readonly banned?: () => ReadonlyMap<string, number>
  /** Absent where this member computes plans itself. */
  readonly planner?: Planner
  /** @returns a number above `atLeast` and above all earlier ones, persisted before the call returns */
  nextIncarnation(atLeast: number): number
  /** Brings the weights of these units to this machine. */
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

export interface MemberOptions {
  readonly profile: MembershipProfile
  /** Exactly these blocks instead of what the plan says. */
  readonly blocks?: readonly [number, number] | undefined
  /** Reads weights that do not fit the memory from disk in every step. */
  readonly streaming?: StreamedSpan | null | undefined
  /** Whether it takes part in groups that plans form. */
  readonly groups?: boolean | undefined
  /** Bytes for weights and KV caches together. */
  readonly memoryBytes: number
  onEvent(event: SwarmEvent): void
}

/** The parts of a serving member that need only a transport, a clock and a device. */
export interface Member {
  readonly membership: Membership
  readonly stageHost: StageHost
  readonly view: SwarmView
  readonly keeper: SpanKeeper
  readonly announced: AnnouncedHardware
  /** For weights and KV caches, and for a head that is computed for others. */
  readonly memory: MemoryBudget
  /** Null where it takes no part in groups. */
  readonly groups: PlannedGroups | null
}

/** Beats carry the load; it is read at this interval. */
const loadIntervalMs = 500

/** Puts a member together; it has announced nothing yet. `scope` closes what was opened. */
export function createMember(dependencies: MemberDependencies, options: MemberOptions, scope: Scope): Member {
  const { transport, clock, logger, manifest, rates, banned, planner } = dependencies
  const onEvent = (event: SwarmEvent): void => options.onEvent(event)
  const membership = openMembership(dependencies, options, scope)
  const peers = createKnownPeers(transport, membership)
  const memory = createMemoryBudget(options.memoryBytes)
  const stageHost = openStageHost(dependencies, { membership, peers, memory, onEvent }, scope)
  const view = createSwarmView({
    selfId: transport.peerId,
    manifest,
    membership,
    ...(rates === undefined ? {} : { rates }),
    ...(banned === undefined ? {} : { banned }),
    ...(planner === undefined ? {} : { planner }),
  })
  const meter = createBusyMeter(clock)
  const announced = createAnnouncedHardware(({ group }) =>
    group === undefined ? null : view.together(group),
  )
  const computing: Computing = {
    device: meter.watch(dependencies.device),
    memory,
    ensureUnits: (units, ended) => dependencies.ensureUnits(units, ended),
  }
  const groups =
    options.groups === true
      ? openGroups(dependencies, computing, { membership, view, announced }, scope)
      : null
  const keeper = createSpanKeeper(
    {
      clock,
      logger,
      selfId: transport.peerId,
      membership,
      view,
      stageHost,
      config: dependencies.manifest.manifest.config,
      device: computing.device,
      ensureUnits: computing.ensureUnits,
      recordFields: (holding) => announced.serving(holding),
      ...(options.streaming && { streamWeights: true }),
      ...(groups !== null && { lead: (holding, loading) => groups.lead(holding, loading) }),
    },
    {
      fixed: options.blocks === undefined ? null : { start: options.blocks[0], end: options.blocks[1] },
      memory: computing.memory,
      ...(options.streaming && { slow: streamingText(options.streaming) }),
      onEvent,
    },
  )
  scope.onClose(() => keeper.stop())
  watchMembers({ transport, membership, logger }, onEvent, () => keeper.dropSessions())
  reportLoad({ clock, logger, membership, stageHost, meter }, scope)
  return { membership, stageHost, view, keeper, announced, memory, groups }
}

/** What loads blocks here, alone or in groups. */
interface Computing {
  readonly device: Device
  readonly memory: MemoryBudget
  readonly ensureUnits: MemberDependencies['ensureUnits']
}

function openMembership(
  dependencies: MemberDependencies,
  { profile }: MemberOptions,
  scope: Scope,
): Membership {
  const { transport, clock, random, logger, manifest, conduct } = dependencies
  const membership = createMembership(
    {
      transport,
      clock,
      random,
      logger,
      nextIncarnation: (atLeast) => dependencies.nextIncarnation(atLeast),
      ...(conduct === undefined ? {} : { conduct }),
    },
    { ...profile, document: manifest.id, incarnation: dependencies.nextIncarnation(0) },
  )
  scope.onClose(() => membership.close())
  return membership
}

function openStageHost(
  { transport, clock, logger, manifest, device }: MemberDependencies,
  parts: {
    readonly membership: Membership
    readonly peers: StagePeers
    readonly memory: MemoryBudget
    readonly onEvent: (event: SwarmEvent) => void
  },
  scope: Scope,
): StageHost {
  const { membership, peers, memory, onEvent } = parts
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
      peers,
      memory,
      onEvent,
    },
  )
  scope.onClose(() => stageHost.close())
  return stageHost
}

/** Takes part in groups that plans form, and announces the measured speed of one that this node leads. */
function openGroups(
  { transport, clock, random, logger, manifest }: MemberDependencies,
  { device, memory, ensureUnits }: Computing,
  { membership, view, announced }: Pick<Member, 'membership' | 'view' | 'announced'>,
  scope: Scope,
): PlannedGroups {
  const groups = createPlannedGroups(
    {
      transport,
      clock,
      random,
      logger,
      manifest,
      device,
      membership,
      plan: () => view.plan(),
      microsPer1024Past: (group) => view.together(group)?.decodeMicrosPer1024Past ?? 0,
      ensureUnits,
    },
    { memory },
  )
  scope.onClose(() => groups.close())
  const announcing = announceGroupSpeed({ clock, logger, membership, groups, announced })
  scope.onClose(() => announcing.close())
  return groups
}

/** Puts sessions and computing time into this node's beats. */
function reportLoad(
  {
    clock,
    logger,
    membership,
    stageHost,
    meter,
  }: Pick<MemberDependencies, 'clock' | 'logger'> &
    Pick<Member, 'membership' | 'stageHost'> & { readonly meter: BusyMeter },
  scope: Scope,
): void {
  const timer = every(
    clock,
    loadIntervalMs,
    () => membership.setLoad({ sessions: stageHost.sessions(), busyPermille: meter.takePermille() }),
    (error) => logger.warn('load-failed', { reason: messageOf(error) }),
  )
  scope.onClose(() => timer.cancel())
}
