import type { GenerateRequest } from '@shoal/swarm'
import type { Planner } from '@shoal/swarm/components'
import { startSimulatedClient, type SimulatedClient } from './client.ts'
import type { Dialling } from './dialling.ts'
import { startGeneration, type Generation } from './generation.ts'
import type { LifeRecord } from './life-record.ts'
import type { Undisturbed } from './undisturbed.ts'
import type { WorldParts } from './world.ts'

/** A script's actions on clients. */
export interface ClientControl {
  addClient(name: string, site?: number): Promise<SimulatedClient>
  killClient(name: string): void
  /** @param mayFail the client accepts a typed error in place of the answer, but never wrong tokens */
  ask(client: string, request: GenerateRequest, mayFail?: boolean): Promise<Generation>
}

export interface ClientControlDependencies {
  readonly parts: WorldParts
  readonly clients: Map<string, SimulatedClient>
  readonly generations: Generation[]
  readonly lives: LifeRecord
  readonly dialling: Dialling
  readonly planner: Planner
  readonly undisturbed: Undisturbed
}

export function createClientControl({
  parts,
  clients,
  generations,
  lives,
  dialling,
  planner,
  undisturbed,
}: ClientControlDependencies): ClientControl {
  const { trace, rules, measures, links, loop, network, topology, model } = parts
  return {
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
          seed: lives.nextSeed(),
          onRoute: (_view, membership, route) => rules.routeTaken(name, membership, route),
        },
        name,
      )
      client.membership.onEvent((event) => {
        if (client.life.state !== 'ended') lives.hear(name, event)
      })
      clients.set(name, client)
      dialling.dialSomebody(client.transport)
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
  }
}
