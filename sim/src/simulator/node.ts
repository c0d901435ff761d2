import { seededRandom, ShoalError, type Logger } from '@shoal/host'
import { withSelf, type MemoryNetwork, type Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import type { SwarmEvent } from '@shoal/swarm'
import {
  createLeaving,
  createMember,
  createScope,
  type Member,
  type MemberDependencies,
  type Planner,
  type Scope,
} from '@shoal/swarm/components'
import type { EventLoop } from './event-loop.ts'
import { createLife, type Life } from './life.ts'
import { createSimulatedDevice, type SimulatedDevice } from './simulated-device.ts'
import type { TinyModel } from './tiny-model.ts'
import type { Topology } from './topologies.ts'

/** Properties of a node that all its lives share. */
export interface NodeSketch {
  readonly name: string
  readonly site: number
  readonly memoryBytes: number
  readonly decodeMicrosPerBlock: number
  readonly numericClass: string
  /** A fixed span, as of `--blocks`; absent when the node follows the plan. */
  readonly blocks?: readonly [number, number]
  /** Name of the machine with which the node takes part in groups; absent when it takes part in none. */
  readonly machine?: string
  /** No weights can be written. */
  readonly diskFull?: boolean
}

/** One life of a node: the real member on a simulated machine. */
export interface SimulatedNode {
  readonly sketch: NodeSketch
  readonly life: Life
  readonly transport: Transport
  readonly member: Member
  readonly device: SimulatedDevice
  /** Factor on its computing times; 1 means as fast as announced. */
  slowness: number
  leave(): Promise<void>
}

export interface NodeSurroundings {
  readonly loop: EventLoop
  readonly network: MemoryNetwork
  readonly topology: Topology
  readonly model: TinyModel
  readonly logger: Logger
  readonly planner: Planner
  readonly seed: number
  nextIncarnation(atLeast: number): number
  onEvent(event: SwarmEvent): void
  onViolation(violation: string): void
}

/** Time of a row in prefill over that of a decode step: a chunk of rows reads the weights only once. */
const prefillShare = 1 / 3
/** Time to read a block from the disk of a home computer. */
const loadMsPerBlock = 20

/**
 * Joins and serves, as `startNode` does on a real machine. The caller dials the first peer.
 */
export async function startSimulatedNode(
  surroundings: NodeSurroundings,
  sketch: NodeSketch,
): Promise<SimulatedNode> {
  const { loop, network, model, logger } = surroundings
  const life = createLife(loop.clock)
  const transport = withSelf(network.createTransport(sketch.name), life.clock, [protocols.members])
  const device = createSimulatedDevice(model.device, {
    clock: life.clock,
    ...speedOf(sketch),
    numericClass: sketch.numericClass,
    loadMsPerBlock,
    slowness: () => node.slowness,
    onViolation: (violation) => surroundings.onViolation(`${sketch.name}: ${violation}`),
  })
  const scope = createScope()
  scope.onClose(() => transport.close())
  const member = memberOf(surroundings, sketch, { clock: life.clock, transport, device, scope })
  const { keeper, stageHost, membership, groups } = member
  const leave = createLeaving({ logger, keeper, stageHost, membership, groups, scope }, (event) =>
    surroundings.onEvent(event),
  )
  const node: SimulatedNode = {
    sketch,
    life,
    transport,
    member,
    device,
    slowness: 1,
    leave: () => leave(new AbortController().signal),
  }

  membership.start()
  await announceJoining(surroundings, node)
  keeper.start()
  return node
}

function speedOf({ decodeMicrosPerBlock }: NodeSketch): {
  decodeMicrosPerBlock: number
  prefillMicrosPerRowBlock: number
} {
  return {
    decodeMicrosPerBlock,
    prefillMicrosPerRowBlock: Math.max(1, Math.round(decodeMicrosPerBlock * prefillShare)),
  }
}

function memberOf(
  surroundings: NodeSurroundings,
  sketch: NodeSketch,
  own: Pick<MemberDependencies, 'clock' | 'transport' | 'device'> & { readonly scope: Scope },
): Member {
  const { topology, model, logger, planner, seed } = surroundings
  const { scope, ...machine } = own
  return createMember(
    {
      ...machine,
      random: seededRandom(seed),
      logger,
      manifest: model.manifest,
      planner,
      nextIncarnation: (atLeast) => surroundings.nextIncarnation(atLeast),
      // Every machine has all weights already, unless its disk is full.
      ensureUnits: () =>
        sketch.diskFull === true
          ? Promise.reject(new ShoalError('disk-full', 'no room for weights'))
          : Promise.resolve(),
    },
    {
      profile: topology.profile,
      blocks: sketch.blocks,
      groups: sketch.machine !== undefined,
      memoryBytes: sketch.memoryBytes,
      onEvent: (event) => surroundings.onEvent(event),
    },
    scope,
  )
}

async function announceJoining(
  { topology }: NodeSurroundings,
  { sketch, member, transport }: SimulatedNode,
): Promise<void> {
  await member.membership.announce({
    state: 'joining',
    ...member.announced.measured({
      ...speedOf(sketch),
      memoryBytes: sketch.memoryBytes,
      bandwidthBytesPerSecond: topology.bandwidthBytesPerSecond,
      device: 'reference',
      threads: 1,
    }),
    ...(sketch.machine !== undefined && { machine: sketch.machine }),
    numericClass: sketch.numericClass,
    addresses: transport.addresses(),
    version: 'sim',
  })
}
