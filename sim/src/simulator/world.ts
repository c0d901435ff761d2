import { createVirtualClock, seededRandom, type Random } from '@shoal/host'
import type { MembershipEvent } from '@shoal/membership'
import { createMemoryNetwork, type MemoryNetwork, type Transport } from '@shoal/network'
import { modelCosts, spanBytes } from '@shoal/planner'
import type { GenerateRequest, SwarmEvent } from '@shoal/swarm'
import { startSimulatedClient, type SimulatedClient } from './client.ts'
import { createEventLoop, type EventLoop } from './event-loop.ts'
import { createFaultBook, type FaultBook } from './fault-book.ts'
import { createFrameWatch, type FrameWatch } from './frame-watch.ts'
import { startGeneration, type Generation } from './generation.ts'
import { createLinkTable, type LinkTable } from './link-table.ts'
import { createMeasures, type Measures } from './measures.ts'
import { startSimulatedNode, type NodeSketch, type SimulatedNode } from './node.ts'
import { createSharedPlanner } from './shared-planner.ts'
import { createRules, type Rules } from './rules.ts'
import { tinyModel, type RunnerName, type TinyModel, type TinyModelName } from './tiny-model.ts'
import type { Topology } from './topologies.ts'
import { createTrace, type Trace } from './trace.ts'
import { createUndisturbed } from './undisturbed.ts'

/** A swarm on simulated machines and links, and what may be done to it. */
export interface World {
  readonly seed: number
  readonly topology: Topology
  readonly model: TinyModel
  readonly loop: EventLoop
  /** Of the script; peers and links have their own. */
  readonly random: Random
  readonly network: MemoryNetwork
  readonly links: LinkTable
  readonly trace: Trace
  readonly watch: FrameWatch
  readonly book: FaultBook
  readonly measures: Measures
  readonly rules: Rules
  /** Everybody who could be here, by name. */
  readonly sketches: ReadonlyMap<string, NodeSketch>
  /** Those whose process exists. */
  readonly nodes: ReadonlyMap<string, SimulatedNode>
  readonly clients: ReadonlyMap<string, SimulatedClient>
  readonly generations: readonly Generation[]
  /** What nodes have said of themselves. */
  readonly happenings: readonly { readonly atMs: number; readonly node: string; readonly event: SwarmEvent }[]
  add(sketch: NodeSketch): void
  start(name: string): Promise<SimulatedNode>
  /** It dials everybody who runs, or so many of them, and does not have to find them first. */
  meet(name: string, most?: number): void
  kill(name: string): void
  stop(name: string): void
  resume(name: string): void
  /** Drains, says `left`, ends. */
  leave(name: string): Promise<void>
  addClient(name: string, site?: number): Promise<SimulatedClient>
  killClient(name: string): void
  /** @param mayFail a typed error is as good as the whole answer; wrong tokens never are */
  ask(client: string, request: GenerateRequest, mayFail?: boolean): Promise<Generation>
  /** When this incarnation ended; undefined while it lives. */
  endedMs(life: string): number | undefined
}

export interface WorldOptions {
  readonly seed: number
  readonly topology: Topology
  readonly nodes: number
  readonly model: TinyModelName
  readonly runner: RunnerName
  /** Hears each entry of the trace. */
  readonly listener?: (line: string) => void
}

/** Whoever is alone dials so often. */
const tendMs = 1000

/** Nobody has started yet: `form` does that. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { seed, topology } = options
  const model = await tinyModel(options.model, options.runner)
  const clock = createVirtualClock()
  const random = seededRandom(seed)
  const trace = createTrace(clock, options.listener)
  const watch = createFrameWatch(trace)
  const book = createFaultBook(clock)
  const links: LinkTable = createLinkTable(
    (a, b) => topology.link(a, b),
    () => network,
  )
  const network: MemoryNetwork = createMemoryNetwork({
    clock,
    random: seededRandom(seed ^ 0x5eed),
    shapeOf: (from, to) => links.shapeOf(from, to),
    tap: watch,
  })
  const planner = createSharedPlanner(model)
  const undisturbed = await createUndisturbed(model, clock)

  const sketches = new Map<string, NodeSketch>()
  const nodes = new Map<string, SimulatedNode>()
  const clients = new Map<string, SimulatedClient>()
  const generations: Generation[] = []
  const happenings: { atMs: number; node: string; event: SwarmEvent }[] = []
  const incarnations = new Map<string, number>()
  const ended = new Map<string, number>()
  let lives = 0

  const measures = createMeasures(clock, book)
  const rules: Rules = createRules(() => world)
  const loop = createEventLoop(clock, () => rules.afterEvent())

  const nextSeed = (): number => (seed * 2_654_435_761 + (lives += 1) * 7919) >>> 0
  const lifeEnds = (node: SimulatedNode): void => {
    const life = `${node.sketch.name}@${node.member.membership.incarnation}`
    if (!ended.has(life)) ended.set(life, clock.nowMs())
  }
  const hear = (observer: string, event: MembershipEvent): void => {
    trace.add(`${observer} ${JSON.stringify(event)}`)
    rules.membershipEvent(observer, event)
    if (event.type === 'self-expired') ended.set(`${observer}@${event.incarnation}`, clock.nowMs())
  }
  const reachable = (peer: string): string[] =>
    [...nodes.keys()].filter((name) => name !== peer && links.isOpen(name, peer))
  /** In the background. */
  const dial = (transport: Transport, other: string): void => {
    const ending = new AbortController()
    const timer = clock.after(2000, () => ending.abort(new Error('no answer')))
    transport.dial(`/memory/${other}/p2p/${other}`, { signal: ending.signal }).then(
      () => timer.cancel(),
      () => timer.cancel(),
    )
  }
  const dialSomebody = (transport: Transport): void => {
    const others = reachable(transport.peerId)
    const other = others[Math.floor(random.unit() * others.length)]
    if (other !== undefined) dial(transport, other)
  }

  /** Whoever has lost all connections, or never had one, dials again, as a program does that was given addresses. */
  const tend = (): void => {
    clock.after(tendMs, tend)
    for (const { life, transport } of [...nodes.values(), ...clients.values()])
      if (life.state === 'running' && transport.connected().length === 0) dialSomebody(transport)
  }
  tend()

  const world: World = {
    seed,
    topology,
    model,
    loop,
    random,
    network,
    links,
    trace,
    watch,
    book,
    measures,
    rules,
    sketches,
    nodes,
    clients,
    generations,
    happenings,
    add(sketch) {
      sketches.set(sketch.name, sketch)
      links.add(sketch.name, sketch.site)
    },
    async start(name) {
      const sketch = sketches.get(name)
      if (sketch === undefined || nodes.has(name))
        throw new Error(`${name} cannot start: ${sketch === undefined ? 'nobody has that name' : 'it runs'}`)
      const node = await startSimulatedNode(
        {
          loop,
          network,
          topology,
          model,
          logger: rules.loggerOf(name),
          planner,
          seed: nextSeed(),
          nextIncarnation(atLeast) {
            const next = Math.max(atLeast, (incarnations.get(name) ?? 0) + 1)
            incarnations.set(name, next)
            return next
          },
          onEvent(event) {
            trace.add(`${name} ${JSON.stringify(event)}`)
            happenings.push({ atMs: clock.nowMs(), node: name, event })
            if (event.event === 'blocks-changed')
              rules.moved(
                name,
                event.blocks === null ? null : { start: event.blocks[0], end: event.blocks[1] },
              )
          },
          onViolation: (violation) => rules.violate(violation),
        },
        sketch,
      )
      // What is left of a killed process may still come to a verdict: nobody hears it.
      node.member.membership.onEvent((event) => {
        if (node.life.state !== 'ended') hear(name, event)
      })
      nodes.set(name, node)
      trace.add(`${name} starts`)
      dialSomebody(node.transport)
      return node
    },
    meet(name, most) {
      const node = nodes.get(name)
      if (node === undefined) return
      const others = reachable(name)
      // Drawn only where there is a choice.
      while (most !== undefined && others.length > most)
        others.splice(Math.floor(random.unit() * others.length), 1)
      for (const other of others) dial(node.transport, other)
    },
    kill(name) {
      const node = nodes.get(name)
      if (node === undefined) return
      trace.add(`${name} is killed`)
      rules.gone(name)
      lifeEnds(node)
      nodes.delete(name)
      node.life.end()
      network.kill(name)
      links.restore(name)
    },
    stop(name) {
      trace.add(`${name} is stopped`)
      nodes.get(name)?.life.stop()
      links.silence(name)
    },
    resume(name) {
      trace.add(`${name} goes on`)
      links.restore(name)
      nodes.get(name)?.life.resume()
    },
    async leave(name) {
      const node = nodes.get(name)
      // A stopped process hears no signal.
      if (node?.life.state !== 'running') return
      trace.add(`${name} leaves`)
      rules.gone(name)
      await node.leave()
      if (nodes.get(name) !== node) return
      lifeEnds(node)
      nodes.delete(name)
      node.life.end()
      links.restore(name)
    },
    async addClient(name, site = 0) {
      links.add(name, site)
      const client = await startSimulatedClient(
        {
          loop,
          network,
          topology,
          model,
          logger: measures.watch(name, rules.loggerOf(name)),
          planner,
          seed: nextSeed(),
          onRoute: (_view, membership, route) => rules.routeTaken(name, membership, route),
        },
        name,
      )
      client.membership.onEvent((event) => {
        if (client.life.state !== 'ended') hear(name, event)
      })
      clients.set(name, client)
      dialSomebody(client.transport)
      return client
    },
    killClient(name) {
      trace.add(`${name} is killed`)
      for (const generation of generations) if (generation.client === name) generation.abandon()
      clients.get(name)?.life.end()
      clients.delete(name)
      network.kill(name)
    },
    async ask(name, request, mayFail = false) {
      const client = clients.get(name)
      if (client === undefined) throw new Error(`there is no client ${name}`)
      const expected = await undisturbed.tokens(request)
      const generation = startGeneration(
        { clock: client.life.clock, engine: client.engine, client: name, mayFail },
        request,
        expected,
        (of, token) => {
          trace.add(
            token === null ? `${name} ends: ${of.state}` : `${name} token ${token.index}: ${token.id}`,
          )
          if (token !== null) measures.token(name)
          rules.token(of, token)
        },
      )
      generations.push(generation)
      return generation
    },
    endedMs: (life) => ended.get(life),
  }

  const { blockCount } = model.manifest.manifest.config
  for (let index = 0; index < options.nodes; index += 1) {
    const {
      fits,
      decodeMicrosPerBlock,
      site,
      groups = false,
    } = topology.machine(index, options.nodes, blockCount, random)
    const name = `n${String(index).padStart(2, '0')}`
    world.add({
      name,
      site,
      ...(groups && { machine: name }),
      memoryBytes: memoryFor(fits, model),
      decodeMicrosPerBlock,
      numericClass: 'one',
    })
  }
  return world
}

/** Just enough for so many blocks with the planner's head-room, and half a block for what it rounds. */
export function memoryFor(blocks: number, model: TinyModel): number {
  const { config, profile } = model.manifest.manifest
  const costs = modelCosts(config, profile)
  return Math.ceil(spanBytes(blocks, costs, costs.contextLength) / 0.8) + Math.floor(costs.blockBytes / 2)
}
