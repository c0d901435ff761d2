import { form } from '../simulator/calm.ts'
import type { FaultKind } from '../simulator/fault-book.ts'
import { makeRequest } from '../simulator/requests.ts'
import type { World } from '../simulator/world.ts'
import { createFaults } from './chaos-faults.ts'
import { nextKind } from './chaos.ts'
import type { Scenario } from './scenario.ts'

/** How long faults strike. */
const chaosMs = 8_000
/** Average time between faults: each second one node in ten is hit, whatever the number of nodes. */
const faultGapMs = (nodes: number): number => 10_000 / nodes
/** Nodes for each client, and concurrent answers of each client. */
const nodesPerClient = 12
const answersAtOnce = 4
/** Addresses of other nodes that a node gets; it finds the rest. */
const addresses = 3
/** Number of sites with clients. A partition may cut off the fourth site with all its machines. */
const clientSites = 3

async function play(world: World): Promise<void> {
  const { loop, random, model, sketches } = world
  const { vocabularySize } = model.manifest.manifest.config
  const count = sketches.size
  const clients = Array.from(
    { length: Math.max(4, Math.ceil(count / nodesPerClient)) },
    (_, index) => `c${index}`,
  )
  await form(world, clients, 2, { addresses, clientSite: (client) => client % clientSites })
  const ask = async (): Promise<void> => {
    for (const client of clients) {
      const busy = world.generations.filter(
        (generation) => generation.client === client && generation.state === 'running',
      ).length
      if (busy < answersAtOnce && random.unit() < 0.5)
        await world.ask(
          client,
          makeRequest(
            random,
            1 + Math.floor(random.unit() * 24),
            8 + Math.floor(random.unit() * 16),
            vocabularySize,
          ),
        )
    }
  }
  const faults = createFaults(world, sideOf)
  for (let turn = 0; turn < answersAtOnce; turn += 1) await ask()
  await loop.run(500)
  const endMs = loop.clock.nowMs() + chaosMs
  for (let kind: FaultKind = 'kill'; loop.clock.nowMs() < endMs; kind = nextKind(random.unit())) {
    await ask()
    await faults.mend()
    await faults.strike(kind)
    await loop.run(2 * random.unit() * faultGapMs(count))
  }
  await faults.mendAll()
}

/** Nodes that a partition cuts off: the fourth site, or a tenth of all nodes. */
function sideOf({ random, nodes }: World): ReadonlySet<string> {
  const wholeSite = random.unit() < 0.5
  return new Set(
    [...nodes]
      .filter(([, { sketch }]) => (wholeSite ? sketch.site === clientSites : random.unit() < 0.1))
      .map(([name]) => name),
  )
}

/** Many nodes, concurrent answers and faults. The cost runner leaves the time to simulate the swarm itself. */
export const largeScenario: Scenario = {
  name: 'large',
  about:
    'chaos over tens to hundreds of nodes at four sites, a model of 80 blocks without arithmetic, many answers at once',
  topology: 'four-sites',
  model: 'large',
  runner: 'cost',
  nodes: 60,
  nodesMin: 20,
  play,
}
