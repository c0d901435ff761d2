import { form } from '../simulator/calm.ts'
import { makeRequest } from '../simulator/requests.ts'
import { coveredAgainMs, isCovered, onlyHolder } from '../simulator/tight.ts'
import { agreements, wrongViews } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { stages } from './topology.ts'

const clients = ['c0', 'c1']
const losses = 4
/** Longest time from a loss until every block is served again. */
const gapMsMax = 10_000
/** Time limit for all nodes to settle after a return: a window between moves, a quiet moment, and gossip to the client. */
const restMsMax = 60_000

async function play(world: World): Promise<void> {
  const { loop, random, nodes, book } = world
  await form(world, clients, 1)
  for (let loss = 0; loss < losses; loss += 1) {
    await rest(world)
    await askAround(world)
    await loop.run(400 * random.unit())
    const victim = chooseVictim(world)
    if (victim === undefined) continue
    const leaves = random.unit() < 0.25
    book.begin(leaves ? 'leave' : 'kill', victim)
    if (leaves)
      world
        .leave(victim)
        .catch((error: unknown) => world.rules.violate(`${victim} could not leave: ${String(error)}`))
    else world.kill(victim)
    // A leaving node serves until its sessions have moved or ended.
    await loop.until(() => !nodes.has(victim), restMsMax)
    // Some nodes return before another has moved, and some during the move.
    const returnMs = 12_000 * random.unit()
    const backAtMs = loop.clock.nowMs() + returnMs
    const gapMs = await coveredAgainMs(world, Math.min(gapMsMax, returnMs))
    if (gapMs === null && returnMs >= gapMsMax)
      world.rules.violate(`a block was still unserved ${gapMsMax} ms after ${victim} had gone`)
    await loop.run(Math.max(0, backAtMs - loop.clock.nowMs()))
    book.note('restart')
    await world.start(victim)
    world.meet(victim)
    book.end(victim)
    if (isCovered(world)) await askAround(world)
  }
}

/** Waits until all nodes run, hold blocks and agree, and all answers have ended, so that the swarm can bear the next loss. */
async function rest(world: World): Promise<void> {
  const { loop, nodes, sketches, generations } = world
  const rested = (): boolean =>
    nodes.size === sketches.size &&
    isCovered(world) &&
    [...nodes.values()].every(({ member }) => member.keeper.held() !== null) &&
    generations.every(({ state }) => state !== 'running') &&
    wrongViews(world).length === 0 &&
    agreements(world).size === 1
  const endMs = loop.clock.nowMs() + restMsMax
  while (!rested() && loop.clock.nowMs() < endMs) await loop.run(250)
  if (!rested()) world.rules.violate(`the swarm did not settle within ${restMsMax} ms`)
}

async function askAround(world: World): Promise<void> {
  const { random, model } = world
  const { vocabularySize } = model.manifest.manifest.config
  for (const client of clients) {
    const asked = random.unit() < 0.7 ? 1 : 2
    for (let count = 0; count < asked; count += 1)
      await world.ask(
        client,
        makeRequest(
          random,
          1 + Math.floor(random.unit() * 24),
          16 + Math.floor(random.unit() * 32),
          vocabularySize,
        ),
      )
  }
}

/** Mostly the only holder of a block, since its loss needs a move. */
function chooseVictim(world: World): string | undefined {
  const { random, nodes } = world
  const only = onlyHolder(world)
  if (only !== undefined && random.unit() < 0.8) return only
  const busy = stages(world)
  const names = busy.length > 0 ? busy : [...nodes.keys()]
  return names[Math.floor(random.unit() * names.length)]
}

export const tightScenario: Scenario = {
  name: 'tight',
  about: 'no room beside what is held, and the only holder of a range dies or leaves, again and again',
  topology: 'tight',
  model: 'heavy',
  runner: 'cost',
  nodes: 3,
  nodesMin: 3,
  play,
}
