import { createVirtualClock, seededRandom, type Random } from '@shoal/host'
import { createMemoryNetwork, type MemoryNetwork } from '@shoal/network'
import { modelCosts, spanBytes } from '@shoal/planner'
import type { SwarmEvent } from '@shoal/swarm'
import type { SimulatedClient } from './client.ts'
import { createClientControl, type ClientControl } from './client-control.ts'
import { createDialling } from './dialling.ts'
import { createEventLoop, type EventLoop } from './event-loop.ts'
import { createFaultBook, type FaultBook } from './fault-book.ts'
import { createFrameWatch, type FrameWatch } from './frame-watch.ts'
import type { Generation } from './generation.ts'
import { createLifeRecord } from './life-record.ts'
import { createLinkTable, type LinkTable } from './link-table.ts'
import { createMeasures, type Measures } from './measures.ts'
import type { NodeSketch, SimulatedNode } from './node.ts'
import { createNodeControl, type NodeControl } from './node-control.ts'
import { createRules, type Rules } from './rules.ts'
import { createSharedPlanner } from './shared-planner.ts'
import { tinyModel, type RunnerName, type TinyModel, type TinyModelName } from './tiny-model.ts'
import type { Topology } from './topologies.ts'
import { createTrace, type Trace } from './trace.ts'
import { createUndisturbed } from './undisturbed.ts'

/** The parts of a simulated world: its machines, its links, and everything that observes them. */
export interface WorldParts {
  readonly seed: number
  readonly topology: Topology
  readonly model: TinyModel
  readonly loop: EventLoop
  /** The script's randomness; peers and links have randomness of their own. */
  readonly random: Random
  readonly network: MemoryNetwork
  readonly links: LinkTable
  readonly trace: Trace
  readonly watch: FrameWatch
  readonly book: FaultBook
  readonly measures: Measures
  readonly rules: Rules
  /** Every node that the script may start, by name. */
  readonly sketches: ReadonlyMap<string, NodeSketch>
  /** Nodes whose process exists, stopped ones included, by name. */
  readonly nodes: ReadonlyMap<string, SimulatedNode>
  readonly clients: ReadonlyMap<string, SimulatedClient>
  readonly generations: readonly Generation[]
  /** The events that nodes reported of themselves. */
  readonly happenings: readonly { readonly atMs: number; readonly node: string; readonly event: SwarmEvent }[]
  /** @returns when the incarnation `name@number` ended; undefined while it lives */
  endedMs(life: string): number | undefined
}

/** A swarm on simulated machines and links, and the actions of a script on it. */
export interface World extends WorldParts, NodeControl, ClientControl {
  add(sketch: NodeSketch): void
}

export interface WorldOptions {
  readonly seed: number
  readonly topology: Topology
  readonly nodes: number
  readonly model: TinyModelName
  readonly runner: RunnerName
  /** Receives each line of the trace. */
  readonly listener?: (line: string) => void
}

/** Makes a world in which no node has started yet; `form` starts them. */
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

  const measures = createMeasures(clock, book)
  const rules: Rules = createRules(() => parts)
  const loop = createEventLoop(clock, () => rules.afterEvent())
  const lives = createLifeRecord({ seed, clock, trace, rules })
  const dialling = createDialling({ clock, random, links, nodes, clients })
  const parts: WorldParts = {
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
    endedMs: (life) => lives.endedMs(life),
  }
  dialling.keepConnected()

  const world: World = {
    ...parts,
    ...createNodeControl({ parts, nodes, happenings, lives, dialling, planner }),
    ...createClientControl({ parts, clients, generations, lives, dialling, planner, undisturbed }),
    add(sketch) {
      sketches.set(sketch.name, sketch)
      links.add(sketch.name, sketch.site)
    },
  }
  for (const sketch of machinesOf(world, options.nodes)) world.add(sketch)
  return world
}

/** The machines of the world's topology, named `n00`, `n01`, … */
function machinesOf({ topology, model, random }: WorldParts, nodes: number): NodeSketch[] {
  const { blockCount } = model.manifest.manifest.config
  return Array.from({ length: nodes }, (_, index) => {
    const machine = topology.machine(index, nodes, blockCount, random)
    const { fits, decodeMicrosPerBlock, site, groups = false } = machine
    const name = `n${String(index).padStart(2, '0')}`
    return {
      name,
      site,
      ...(groups && { machine: name }),
      memoryBytes: memoryFor(fits, model),
      decodeMicrosPerBlock,
      numericClass: 'one',
    }
  })
}

/** @returns bytes of memory that hold `blocks` blocks with the planner's head-room, plus half a block for its rounding */
export function memoryFor(blocks: number, model: TinyModel): number {
  const { config, profile } = model.manifest.manifest
  const costs = modelCosts(config, profile)
  return Math.ceil(spanBytes(blocks, costs, costs.contextLength) / 0.8) + Math.floor(costs.blockBytes / 2)
}
