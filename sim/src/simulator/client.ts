import { seededRandom, type Logger } from '@shoal/host'
import { createMembership, type Membership } from '@shoal/membership'
import type { MemoryNetwork, Transport } from '@shoal/network'
import type { Engine } from '@shoal/swarm'
import {
  coordinate,
  createSwarmView,
  ownVocabulary,
  type Planner,
  type SwarmView,
} from '@shoal/swarm/components'
import type { EventLoop } from './event-loop.ts'
import { createLife, type Life } from './life.ts'
import type { TinyModel } from './tiny-model.ts'
import type { Topology } from './topologies.ts'

/** A peer that serves no blocks and coordinates its own generations. */
export interface SimulatedClient {
  readonly name: string
  readonly life: Life
  readonly transport: Transport
  readonly membership: Membership
  readonly view: SwarmView
  readonly engine: Engine
}

export interface ClientSurroundings {
  readonly loop: EventLoop
  readonly network: MemoryNetwork
  readonly topology: Topology
  readonly model: TinyModel
  readonly logger: Logger
  readonly planner: Planner
  readonly seed: number
  /** Called for each route that is about to be used. */
  onRoute(view: SwarmView, membership: Membership, route: Awaited<ReturnType<SwarmView['find']>>): void
}

/** Starts a client as `connectClient` does on a real machine. The caller dials the first peer. */
export async function startSimulatedClient(
  surroundings: ClientSurroundings,
  name: string,
): Promise<SimulatedClient> {
  const { loop, network, topology, model, logger, planner, seed } = surroundings
  const life = createLife(loop.clock)
  const { clock } = life
  const transport = network.createTransport(name)
  const random = seededRandom(seed)
  const membership = createMembership(
    { transport, clock, random, logger },
    { ...topology.profile, document: model.manifest.id, incarnation: 1 },
  )
  membership.start()
  const view = createSwarmView({ selfId: name, manifest: model.manifest, membership, planner })
  const engine = await coordinate({
    transport,
    clock,
    random,
    logger,
    manifest: model.manifest,
    routes: {
      serving: () => view.serving(),
      predictTokenMs: (route, past) => view.predictTokenMs(route, past),
      async find(...request) {
        const route = await view.find(...request)
        surroundings.onRoute(view, membership, route)
        return route
      },
    },
    vocabulary: await ownVocabulary(model.device),
    tokenizer: null,
    defaultSampling: { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 },
  })
  return { name, life, transport, membership, view, engine }
}
