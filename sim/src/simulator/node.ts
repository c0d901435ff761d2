import { seededRandom, ShoalError, type Logger } from '@shoal/host'
import { withSelf, type MemoryNetwork, type Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import type { SwarmEvent } from '@shoal/swarm'
import { createLeaving, createMember, createScope, type Member, type Planner } from '@shoal/swarm/components'
import type { EventLoop } from './event-loop.ts'
import { createLife, type Life } from './life.ts'
import { createSimulatedDevice, type SimulatedDevice } from './simulated-device.ts'
import type { TinyModel } from './tiny-model.ts'
import type { Topology } from './topologies.ts'

/** What a node is, over all of its lives. */
export interface NodeSketch {
  readonly name: string
  readonly site: number
  readonly memoryBytes: number
  readonly decodeMicrosPerBlock: number
  readonly numericClass: string
  /** Exactly these blocks, whatever the plan says. */
  readonly blocks?: readonly [number, number]
  /** It takes part in groups, as this machine. */
  readonly machine?: string
  /** Nothing can be written there. */
  readonly diskFull?: boolean
}

/** One life of a node: the real member on a simulated machine. */
export interface SimulatedNode {
  readonly sketch: NodeSketch
  readonly life: Life
  readonly transport: Transport
  readonly member: Member
  readonly device: SimulatedDevice
  /** Of its computing; 1 is as announced. */
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

/** A third of a decode step's time: a chunk of rows reads the weights once. */
const prefillShare = 1 / 3
/** Reading a block from a home computer's disk. */
const loadMsPerBlock = 20

/** Joins and serves, as `startNode` does on a real machine; whoever calls dials somebody. */
export async function startSimulatedNode(
  surroundings: NodeSurroundings,
  sketch: NodeSketch,
): Promise<SimulatedNode> {
  const { loop, network, topology, model, logger, planner, seed } = surroundings
  const life = createLife(loop.clock)
  const { clock } = life
  const transport = withSelf(network.createTransport(sketch.name), clock, [protocols.members])
  const prefillMicrosPerRowBlock = Math.max(1, Math.round(sketch.decodeMicrosPerBlock * prefillShare))
  const device = createSimulatedDevice(model.device, {
    clock,
    numericClass: sketch.numericClass,
    decodeMicrosPerBlock: sketch.decodeMicrosPerBlock,
    prefillMicrosPerRowBlock,
    loadMsPerBlock,
    slowness: () => node.slowness,
    onViolation: (violation) => surroundings.onViolation(`${sketch.name}: ${violation}`),
  })
  const scope = createScope()
  scope.onClose(() => transport.close())
  const member = createMember(
    {
      transport,
      clock,
      random: seededRandom(seed),
      logger,
      manifest: model.manifest,
      device,
      planner,
      nextIncarnation: (atLeast) => surroundings.nextIncarnation(atLeast),
      // Every machine has all weights, or no room for any.
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
  const leave = createLeaving(
    {
      logger,
      keeper: member.keeper,
      stageHost: member.stageHost,
      membership: member.membership,
      groups: member.groups,
      scope,
    },
    (event) => surroundings.onEvent(event),
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

  member.membership.start()
  await member.membership.announce({
    state: 'joining',
    ...member.announced.measured({
      memoryBytes: sketch.memoryBytes,
      decodeMicrosPerBlock: sketch.decodeMicrosPerBlock,
      prefillMicrosPerRowBlock,
      bandwidthBytesPerSecond: topology.bandwidthBytesPerSecond,
      device: 'reference',
      threads: 1,
    }),
    ...(sketch.machine !== undefined && { machine: sketch.machine }),
    numericClass: sketch.numericClass,
    addresses: transport.addresses(),
    version: 'sim',
  })
  member.keeper.start()
  return node
}
