import { form } from '../simulator/calm.ts'
import { makeRequest } from '../simulator/requests.ts'
import type { World } from '../simulator/world.ts'
import { createFaults } from './chaos-faults.ts'
import { nextKind } from './chaos.ts'
import type { Scenario } from './scenario.ts'

const clients = ['c0', 'c1']
/** Faults, each of which finds groups that serve: they form when nothing has changed for some seconds, and once in half a minute. */
const faultsPerRun = 5
const formingMs = 40_000
/** From an answer's beginning to the fault in it. */
const intoAnswerMs = 900
const lookMs = 100

async function play(world: World): Promise<void> {
  const { loop, random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  await form(world, clients)
  const faults = createFaults(world)
  const leads = (): boolean =>
    [...world.nodes.values()].some(({ member }) => member.keeper.held()?.group !== undefined)
  for (let fault = 0; fault < faultsPerRun; fault += 1) {
    for (let waitedMs = 0; waitedMs < formingMs && !leads(); waitedMs += lookMs) {
      await faults.mend()
      await loop.run(lookMs)
    }
    if (fault === 0 && !leads()) world.rules.violate('no group has formed')
    // Its leader's record reaches those who ask.
    await loop.run(5 * lookMs)
    for (const client of clients) {
      const busy = world.generations.some(
        (generation) => generation.client === client && generation.state === 'running',
      )
      if (!busy)
        await world.ask(
          client,
          makeRequest(
            random,
            1 + Math.floor(random.unit() * 24),
            12 + Math.floor(random.unit() * 24),
            vocabularySize,
          ),
        )
    }
    await loop.run(intoAnswerMs * random.unit())
    await faults.mend()
    // A machine that takes 10 ms for a block, and thirty times that, computes a prompt for longer than anybody waits.
    const kind = nextKind(random.unit())
    await faults.strike(kind === 'slow' ? 'kill' : kind)
    await loop.run(2000 * random.unit())
  }
  await faults.mendAll()
}

export const groupsScenario: Scenario = {
  name: 'groups',
  about: 'devices that form groups by the plan, and random faults while these serve',
  topology: 'desks',
  nodes: 5,
  nodesMin: 5,
  play,
}
