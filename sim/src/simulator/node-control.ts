import type { SwarmEvent } from '@shoal/swarm'
import type { Planner } from '@shoal/swarm/components'
import type { Dialling } from './dialling.ts'
import type { LifeRecord } from './life-record.ts'
import { startSimulatedNode, type NodeSurroundings, type SimulatedNode } from './node.ts'
import type { WorldParts } from './world.ts'

/** What a script may do to nodes. */
export interface NodeControl {
  /** Starts the process of a node that does not run. */
  start(name: string): Promise<SimulatedNode>
  /** The node dials every node that runs, or `most` of them, instead of finding them one by one. */
  meet(name: string, most?: number): void
  kill(name: string): void
  /** Stops the process without ending it, as SIGSTOP does. */
  stop(name: string): void
  resume(name: string): void
  /** The node drains, announces `left` and ends, as after SIGTERM. */
  leave(name: string): Promise<void>
}

export interface NodeControlDependencies {
  readonly parts: WorldParts
  readonly nodes: Map<string, SimulatedNode>
  readonly happenings: { atMs: number; node: string; event: SwarmEvent }[]
  readonly lives: LifeRecord
  readonly dialling: Dialling
  readonly planner: Planner
}

export function createNodeControl(dependencies: NodeControlDependencies): NodeControl {
  const { parts, nodes, lives, dialling } = dependencies
  const { trace, rules, links, network, sketches } = parts
  const ended = (node: SimulatedNode): void => {
    lives.ends(node.sketch.name, node.member.membership.incarnation)
    nodes.delete(node.sketch.name)
    node.life.end()
  }
  return {
    async start(name) {
      const sketch = sketches.get(name)
      if (sketch === undefined || nodes.has(name))
        throw new Error(`${name} cannot start: ${sketch === undefined ? 'nobody has that name' : 'it runs'}`)
      const node = await startSimulatedNode(surroundingsOf(dependencies, name), sketch)
      // What is left of a killed process may still come to a verdict; nobody may hear it.
      node.member.membership.onEvent((event) => {
        if (node.life.state !== 'ended') lives.hear(name, event)
      })
      nodes.set(name, node)
      trace.add(`${name} starts`)
      dialling.dialSomebody(node.transport)
      return node
    },
    meet(name, most) {
      const node = nodes.get(name)
      if (node !== undefined) dialling.meet(node.transport, most)
    },
    kill(name) {
      const node = nodes.get(name)
      if (node === undefined) return
      trace.add(`${name} is killed`)
      rules.gone(name)
      ended(node)
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
      // A stopped process receives no signal.
      if (node?.life.state !== 'running') return
      trace.add(`${name} leaves`)
      rules.gone(name)
      await node.leave()
      if (nodes.get(name) !== node) return
      ended(node)
      links.restore(name)
    },
  }
}

function surroundingsOf(
  { parts, happenings, lives, planner }: NodeControlDependencies,
  name: string,
): NodeSurroundings {
  const { loop, network, topology, model, rules, trace } = parts
  return {
    loop,
    network,
    topology,
    model,
    logger: rules.loggerOf(name),
    planner,
    seed: lives.nextSeed(),
    nextIncarnation: (atLeast) => lives.nextIncarnation(name, atLeast),
    onEvent(event) {
      trace.add(`${name} ${JSON.stringify(event)}`)
      happenings.push({ atMs: loop.clock.nowMs(), node: name, event })
      if (event.event === 'blocks-changed')
        rules.moved(name, event.blocks === null ? null : { start: event.blocks[0], end: event.blocks[1] })
    },
    onViolation: (violation) => rules.violate(violation),
  }
}
