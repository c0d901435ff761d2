import { form } from '../simulator/calm.ts'
import { makeRequest } from '../simulator/requests.ts'
import type { World } from '../simulator/world.ts'
import { createFaults } from './chaos-faults.ts'
import { nextKind } from './chaos.ts'
import type { Scenario } from './scenario.ts'

const clients = ['c0', 'c1']
/** Faults in one run. Each waits for groups that serve, which form after some quiet seconds, at most twice a minute. */
const faultsPerRun = 5
const formingMs = 40_000
/** Time from the start of an answer to its fault. */
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
    // Wait until the leader's record has reached the clients.
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
    // No slow fault: a machine that takes thirty times 10 ms for a block would exceed every deadline in prefill.
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
