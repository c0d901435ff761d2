import type { GenerateRequest } from '@shoal/swarm'
import { form } from '../simulator/calm.ts'
import type { FaultKind } from '../simulator/fault-book.ts'
import type { World } from '../simulator/world.ts'
import { nextKind } from './chaos.ts'
import { createFaults } from './chaos-faults.ts'
import type { Scenario } from './scenario.ts'
import { must } from './telling.ts'

const clients = ['c0', 'c1']
const rounds = 6
/** Peers that were cut off are alive in everybody's view again, and moved blocks are served. */
const healMs = 4_000

/**
 * Two clients get long answers that repeat themselves, so that several windows of drafts are under way while faults strike.
 * Half of the answers are greedy; the others are sampled at a low temperature, at which the tiny model repeats itself, too.
 */
async function play(world: World): Promise<void> {
  const { loop, random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  const upTo = (count: number): number => Math.floor(random.unit() * count)
  await form(world, clients)
  const request = (): GenerateRequest => {
    const phrase = Array.from({ length: 2 + upTo(6) }, () => upTo(vocabularySize))
    const temperature = random.unit() < 0.5 ? 0 : [0.05, 0.2, 1][upTo(3)]!
    return {
      promptIds: Array.from({ length: 10 + upTo(20) }, (_, index) => phrase[index % phrase.length]!),
      maxTokens: 40 + upTo(50),
      sampling: { temperature, topK: 0, topP: 1, repetitionPenalty: 1, seed: random.uint32() },
    }
  }
  const faults = createFaults(world)
  for (let round = 0; round < rounds; round += 1) {
    // Faults are to strike answers, not their openings: a swarm that is still cut off may have no route.
    await faults.mendAll()
    await loop.run(healMs)
    for (const client of clients) await world.ask(client, request())
    await loop.run(50 + upTo(400))
    for (let strikes = 1 + upTo(2); strikes > 0; strikes -= 1) {
      await faults.mend()
      const kind: FaultKind = round === 0 ? 'kill' : nextKind(random.unit())
      await faults.strike(kind)
      await loop.run(20 + upTo(400))
    }
    await loop.until(() => world.generations.every(({ state }) => state !== 'running'), 60_000)
  }
  await faults.mendAll()
  const { generations } = world
  must(
    world,
    generations.some(({ accepted }) => accepted > 0),
    `none of ${generations.length} answers had a draft that was right`,
  )
}

export const draftsScenario: Scenario = {
  name: 'drafts',
  about: 'long answers that repeat themselves, with windows of drafts under way while faults strike',
  topology: 'any',
  nodes: 7,
  nodesMin: 6,
  play,
}
