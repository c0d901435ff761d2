import type { SystemDependencies } from '@shoal/host'
import { canOpenFiles } from '@shoal/host/node'
import type { PortMapping } from '@shoal/network'
import type { WireFormat } from '@shoal/protocol'
import type { ComputePlace, Device, RemoteCompute } from '@shoal/runtime'
import { createPrivateSwarm, withRoles, type PrivateSwarm } from '../admission/private-swarm.ts'
import { rememberMembers } from '../admission/remembered-members.ts'
import { createGroupDevice, type GroupOptions } from '../groups/group-device.ts'
import { measureAlways } from '../measuring/measure-always.ts'
import { createMember, type Member } from './member.ts'
import { memberProfile } from './machine/member-profile.ts'
import { keepCopies } from '../placement/copies/keep-copies.ts'
import { firstDecision } from '../placement/first-decision.ts'
import { AuditDesk, noReruns, type AuditOptions } from '../audit/audit-desk.ts'
import { auditReport } from '../audit/report.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Progress, SwarmEvent, SwarmPeer } from '../types.ts'
import { createStepSpeed } from '../measuring/step-speed.ts'
import type { BlockSpeed } from '../measuring/calibration/calibrate.ts'
import { openTimedDevice } from '../measuring/calibration/open-timed-device.ts'
import { agent } from '../joining/ask-peer.ts'
import { connectionOf } from '../joining/discovery/connection.ts'
import { joinModel, type JoinedModel } from '../joining/join-model.ts'
import { waitForMembers } from '../joining/wait-for-members.ts'
import { draftsOf } from '../generation/drafting/drafts-of.ts'
import { createEngineAtFirstUse } from '../generation/engine-at-first-use.ts'
import { incarnationOnDisk } from './machine/incarnation-on-disk.ts'
import { machineIn } from './machine/machine-name.ts'
import { watchOpenFiles } from './machine/watch-open-files.ts'
import { streamedSpeed, withStreaming, type StreamedSpan } from '../placement/held/streamed-span.ts'
import { createLeaving, vanish } from './leaving.ts'
import { hardwareOf } from './machine/node-hardware.ts'
import { startNodePublisher } from '../directory/node-publisher.ts'
import type { Publisher } from '../directory/publisher.ts'
import { openPortMapping, portMappingIn } from '../reach/open-port-mapping.ts'
import { keepReachable, reachFields } from '../reach/keep-reachable.ts'
import { withPaths } from '../view/peer-paths.ts'
import { serveThinClients } from '../vocabulary/serve-thin-clients.ts'
import { sweepDataFolder } from '../weights/sweep.ts'

export interface NodeOptions {
  /** A local copy of the model; needed to create a swarm. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /** Multiaddrs of members; an empty list creates a swarm. */
  readonly join: readonly string[]
  /** Multiaddrs of any Shoal peers, of whatever model: the way into the directory by which swarms are found. */
  readonly bootstrap?: readonly string[] | undefined
  /** Found a private swarm, unless the data folder belongs to a member of one. */
  readonly founds?: boolean | undefined
  /** Join only the swarm of this manifest. */
  readonly manifestId?: string | undefined
  readonly listen: readonly string[]
  readonly lan: boolean
  /** Multiaddrs told to others instead of what is listened on: a router's mapping. */
  readonly announce?: readonly string[] | undefined
  /**
   * Whether the router before this node is asked to forward a port. Default: in private swarms only, since an open one would
   * let in the internet.
   */
  readonly portMapping?: boolean | undefined
  /** Addresses to dial instead of others: `shoal swarm` puts proxies there that imitate a network. */
  readonly dialInstead?: Readonly<Record<string, string>> | undefined
  /** Computes so many times slower than this machine could: a swarm of unequal devices on one of them. */
  readonly slowdown?: number | undefined
  /** Bytes for weights and KV caches together. */
  readonly memoryBytes: number
  /**
   * Memory beside `memoryBytes` that only KV caches and journals of sessions use: the plan gives the node no more blocks
   * for it, so that it has room for more answers at once.
   */
  readonly sessionMemoryBytes?: number | undefined
  /** Most bytes on disk of weights that the node keeps for others, not serving them; by default half of what is free. */
  readonly spareDiskBytes?: number | undefined
  /** Exactly these blocks instead of what the plan says. */
  readonly blocks?: readonly [number, number] | undefined
  /**
   * When present, the node takes part in groups that plans form. Peers that share a machine must give the same name.
   */
  readonly machine?: string | undefined
  /**
   * Serve `blocks`, or all, although their weights do not fit the memory: those that do not fit are read from disk in every
   * step. The same tokens, much more slowly.
   */
  readonly streamWeights?: boolean | undefined
  /** Lead a group that computes the blocks together. */
  readonly group?: GroupOptions | undefined
  /** As {@link DraftOptions}, for the answers that this node coordinates; the draft model's memory comes on top. */
  readonly draft?: string | undefined
  /** As in `ClientOptions`, for these answers. */
  readonly wire?: WireFormat | undefined
  readonly spare?: boolean | undefined
  /** How this node audits the sessions that it coordinates; without it nothing is audited, but evidence still counts. */
  readonly audits?: AuditOptions | undefined
  readonly threads: number
  /** Where to compute; by default a thread of this process, which groups need, as they share its memory. */
  readonly compute?: ComputePlace | RemoteCompute | undefined
  /** What a block costs there, where somebody else has timed it; timed at the start when absent. */
  readonly blockSpeed?: BlockSpeed | undefined
  readonly dataFolder: string
  readonly onEvent: (event: SwarmEvent) => void
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ServingPeer extends SwarmPeer {
  /** Blocks `[start, end)` that this node serves now. */
  blocks(): readonly [number, number] | null
  readonly numericClass: string
  /** What one block costs here, as timed at the start. */
  readonly speed: BlockSpeed
  /** Which of its weights it reads from disk in every step; null for none. */
  readonly streaming: StreamedSpan | null
  /**
   * Ends at once what this peer can no longer do: its sessions go on elsewhere, as after a crash, but the others are told
   * that it has left and need not find out.
   */
  vanish(): Promise<void>
  /** Null in an open swarm. */
  readonly privateSwarm: PrivateSwarm | null
}

/**
 * Creates a swarm or joins one, and serves blocks. Resolves when the first span is served, or when the plan needs
 * nothing of this node for now.
 */
export function startNode(dependencies: SystemDependencies, options: NodeOptions): Promise<ServingPeer> {
  return inScope((scope) => start(dependencies, options, scope))
}

async function start(
  dependencies: SystemDependencies,
  given: NodeOptions,
  scope: Scope,
): Promise<ServingPeer> {
  const { clock, logger } = dependencies
  const { dataFolder, threads, slowdown = 1, compute = 'thread', signal } = given
  await sweepDataFolder(dependencies, dataFolder)
  const joined = await joinModel(dependencies, nodeJoin(given), scope)
  const { transport, manifest, store, rates, reputation } = joined
  const { options, streaming } = withStreaming(given, manifest)
  const timed = { folder: store.path, dataFolder, threads, slowdown, compute, speed: given.blockSpeed }
  const { device: single, ...opened } = await openTimedDevice(dependencies, manifest, timed, scope)
  const speed = streamedSpeed(opened.speed, streaming)
  signal?.throwIfAborted()
  const device =
    options.group === undefined
      ? single
      : createGroupDevice({ ...dependencies, transport, manifest }, single, options.group)
  // A node with blocks or ranks of its own choice takes part in no group of a plan.
  const machine = options.blocks === undefined && options.group === undefined ? options.machine : undefined
  const steps = createStepSpeed(clock, () => speed.decodeMicrosPer1024Past)
  const member = createMember(
    {
      ...dependencies,
      transport,
      manifest,
      device: steps.watch(device),
      rates,
      conduct: reputation.neighbours,
      banned: () => reputation.banned(),
      nextIncarnation: (atLeast) => Math.max(atLeast, incarnationOnDisk(dependencies, dataFolder)),
      ensureUnits: (units, ended) => store.ensureUnits(units, ended),
    },
    {
      profile: memberProfile(options),
      blocks: options.blocks,
      streaming,
      groups: machine !== undefined,
      memoryBytes: options.memoryBytes + (options.sessionMemoryBytes ?? 0),
      onEvent: (event) => options.onEvent(event),
    },
    scope,
  )
  const { membership, view, keeper } = member
  joined.askOnly(() => membership.members().map(({ record }) => record.peerId))
  membership.start()
  const hardware = hardwareOf(options, device, speed, streaming)
  await membership.announce({
    state: 'joining',
    ...member.announced.measured(hardware),
    ...(machine !== undefined && { machine: machineIn(manifest.id, machine) }),
    numericClass: device.numericClass,
    ...reachFields(transport),
    version: agent,
  })
  const portMapping = openPortMapping(dependencies, given, joined.entry.admission !== null, scope)
  keepReachable({ clock, logger, transport, membership, portMapping }, scope)
  const publisher = startNodePublisher(dependencies, joined, membership, waysIn(options), scope)
  // A node with fixed blocks does not plan, so that it need not know the others.
  if (options.blocks === undefined) await waitForMembers({ clock, logger, transport, view }, signal)
  keeper.start()
  measureAlways({ clock, logger, transport, manifest, rates, steps, member }, hardware, scope)
  await firstDecision(keeper, signal)
  keepCopies(dependencies, options, joined, member, scope)
  rememberMembers({ clock, logger, transport, membership }, joined.entry, scope)
  serveOthers(dependencies, joined, member, device, scope)
  const started = { dependencies, options, joined, member, device, speed, streaming, publisher, portMapping }
  return servingPeer(started, scope)
}

/** Computes embedding and head for clients that hold neither. */
function serveOthers(
  dependencies: SystemDependencies,
  { transport, store, manifest, entry }: JoinedModel,
  { memory }: Member,
  device: Device,
  scope: Scope,
): void {
  // Whoever has come through the door of a private swarm was invited.
  const isAdmitted = (): boolean => entry.admission !== null
  serveThinClients({ ...dependencies, transport, store, manifest, device, memory, isAdmitted }, scope)
}

const waysIn = ({ bootstrap = [], join }: NodeOptions): string[] => [...bootstrap, ...join]

const nodeJoin = (given: NodeOptions) => ({
  ...given,
  role: 'node' as const,
  connection: { ...connectionOf(given), serveDirectory: true },
})

interface StartedNode {
  readonly dependencies: SystemDependencies
  readonly options: NodeOptions
  readonly joined: JoinedModel
  readonly member: Member
  readonly device: Device
  readonly speed: BlockSpeed
  readonly streaming: StreamedSpan | null
  readonly publisher: Publisher
  readonly portMapping: PortMapping | null
}

/** A started node as its program sees it. */
function servingPeer(started: StartedNode, scope: Scope): ServingPeer {
  const { dependencies, options, joined, member, device, speed, streaming, publisher } = started
  const { transport, directory, manifest, store, reputation } = joined
  const { keeper, stageHost, membership, groups, view } = member
  const fileLack = (): string | null => joined.entry.admission?.lack ?? null
  scope.onClose(
    watchOpenFiles({ ...dependencies, canOpenFiles, fileLack }, (lack) => keeper.machineLacks(lack)),
  )
  const audits = new AuditDesk(
    { ...dependencies, transport, manifest, membership, reputation },
    options.audits ?? noReruns,
  )
  const engine = createEngineAtFirstUse({
    ...dependencies,
    transport,
    manifest,
    routes: view,
    reputation,
    audits,
    device: async () => device,
    ...draftsOf(dependencies, options, manifest, scope),
    spare: options.spare,
    wire: options.wire,
    store,
  })
  scope.onClose(() => engine.close())
  const leave = createLeaving(
    { logger: dependencies.logger, keeper, stageHost, membership, engine, groups, publisher, scope },
    options.onEvent,
  )
  return {
    peerId: transport.peerId,
    addresses: () => transport.addresses(),
    manifest,
    get numericClass() {
      return device.numericClass
    },
    speed,
    streaming,
    privateSwarm: createPrivateSwarm(dependencies, joined.entry, transport, scope),
    blocks() {
      const held = keeper.held()
      return held === null ? null : [held.start, held.end]
    },
    status: () => ({
      ...withRoles(withPaths(view.status(), transport), joined.entry),
      transfers: store.transfers(),
      ...portMappingIn(started.portMapping),
      directory: { ...directory.stats(), providers: publisher.providers() },
      bans: audits.status().bans,
    }),
    whatIf: (change) => view.whatIf(change),
    audits: () => auditReport(audits.status()),
    engine: () => engine.get(),
    whenCovered: (ended) => view.whenCovered(ended),
    whenKnown: (ended) => view.whenKnown(ended),
    leave,
    vanish: () => vanish({ clock: dependencies.clock, stageHost, membership, scope }),
    close: () => scope.close(),
  }
}
