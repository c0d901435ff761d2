import { form } from '../simulator/calm.ts'
import { makeRequest } from '../simulator/requests.ts'
import type { World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { finished, must, someStage } from './telling.ts'

const clients = ['c0', 'c1', 'c2', 'c3']

/** Four clients ask two questions each; every second one loses a stage. */
async function play(world: World): Promise<void> {
  const { loop, random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  await form(world, clients)
  for (let turn = 0; turn < 2; turn += 1) {
    const generations = await Promise.all(
      clients.map((client) => world.ask(client, makeRequest(random, 12, 24, vocabularySize))),
    )
    await loop.until(() => generations.every(({ tokens }) => tokens.length >= 4), 120_000)
    const victim = someStage(world)
    world.book.begin('kill', victim)
    world.kill(victim)
    for (const generation of generations) await finished(world, generation)
    must(
      world,
      generations.some(({ failovers }) => failovers > 0),
      'a stage died, and no other stage replaced it',
    )
  }
}

/** More nodes at two sites than the exact planner searches exhaustively. */
export const crowdScenario: Scenario = {
  name: 'crowd',
  about: 'a model of 32 blocks on many nodes at two sites; four clients, two stages die',
  topology: 'two-sites',
  model: 'deep',
  nodes: 24,
  nodesMin: 12,
  play,
}
