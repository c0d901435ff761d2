import { form } from '../simulator/calm.ts'
import { agreements, wrongViews } from '../simulator/truth.ts'
import type { World } from '../simulator/world.ts'
import type { Scenario } from './scenario.ts'
import { answerWhile, finished, must, request, someStage } from './telling.ts'

const agreed = (world: World): boolean => wrongViews(world).length === 0 && agreements(world).size === 1

async function quickReturn(world: World): Promise<void> {
  await form(world, ['c0'])
  let victim = ''
  await answerWhile(world, 8, async () => {
    victim = someStage(world)
    world.book.begin('kill', victim)
    world.kill(victim)
    await world.loop.run(100)
    await world.start(victim)
  })
  must(
    world,
    world.nodes.get(victim)?.member.membership.incarnation === 2,
    'its second life is not incarnation 2',
  )
  must(
    world,
    await world.loop.until(() => wrongViews(world).length === 0, world.topology.profile.leaseMs),
    `a lease later ${wrongViews(world)[0]}`,
  )
  await finished(world, await world.ask('c0', request(world)))
}

/** A peer returns from a long partition with an outdated document. */
async function staleSnapshot(world: World): Promise<void> {
  const names = [...world.sketches.keys()]
  const [apart, dead] = [names.at(-1)!, names.at(-2)!]
  await form(world, ['c0'])
  await world.loop.until(() => agreed(world), 20_000)
  world.book.begin('partition', apart)
  world.links.part(new Set([apart]), 'stop')
  await world.loop.run(1000)
  world.book.begin('kill', dead)
  world.kill(dead)
  await world.loop.run(30_000)
  world.links.rejoin()
  world.book.end(apart)
  // Rules watch for resurrections meanwhile.
  must(
    world,
    await world.loop.until(() => wrongViews(world).length === 0, 15_000),
    `15 s after the return: ${wrongViews(world)[0]}`,
  )
  await finished(world, await world.ask('c0', request(world)))
}

async function halves(world: World): Promise<void> {
  const names = [...world.sketches.keys()]
  const side = new Set(names.slice(0, Math.floor(names.length / 2)))
  await form(world, ['c0'])
  await world.loop.until(() => agreed(world), 20_000)
  for (const peer of side) world.book.begin('partition', peer)
  world.links.part(side, 'cut')
  await world.loop.run(20_000)
  world.links.rejoin()
  for (const peer of side) world.book.end(peer)
  const startMs = world.loop.clock.nowMs()
  must(
    world,
    await world.loop.until(() => wrongViews(world).length === 0, 10_000),
    `10 s after the links returned: ${wrongViews(world)[0]}`,
  )
  must(
    world,
    world.loop.clock.nowMs() - startMs < 5000,
    `healing took ${world.loop.clock.nowMs() - startMs} ms`,
  )
  const generation = await finished(world, await world.ask('c0', request(world)))
  const rows = [...world.nodes.values()]
    .filter(({ device }) => device.rows > 0)
    .map(({ device }) => device.rows)
  must(
    world,
    new Set(rows).size === 1 && generation.state === 'done',
    `stages computed ${rows.join(', ')} rows of one answer`,
  )
}

/** A node dies and returns every 3 s for a minute. */
async function flapping(world: World): Promise<void> {
  const names = [...world.sketches.keys()]
  const flapper = names.at(-1)!
  await form(world, ['c0'])
  await world.loop.run(5000)
  const fromMs = world.loop.clock.nowMs()
  for (let turn = 0; turn < 10; turn += 1) {
    world.book.note('kill')
    world.kill(flapper)
    await world.loop.run(3000)
    await world.start(flapper)
    await world.loop.run(3000)
  }
  const moves = new Map<string, number>()
  for (const { atMs, node, event } of world.happenings)
    if (atMs > fromMs && node !== flapper && event.event === 'blocks-changed')
      moves.set(node, (moves.get(node) ?? 0) + 1)
  // One in each window of 30 s.
  for (const [node, count] of moves)
    must(world, count <= 3, `${node} moved ${count} times in a minute because ${flapper} comes and goes`)
  await finished(world, await world.ask('c0', request(world)))
}

const lan = { topology: 'lan', nodes: 6, nodesMin: 5 }

/** Faults F9 to F11 and F20: membership after restarts, partitions and flapping. */
export const memberFaults: readonly Scenario[] = [
  {
    ...lan,
    name: 'F9-quick-return',
    about: 'a stage dies and is back after 100 ms under the same name',
    play: quickReturn,
  },
  {
    ...lan,
    name: 'F10-stale-snapshot',
    about: 'a peer returns from a partition of 30 s with its old view',
    play: staleSnapshot,
  },
  {
    ...lan,
    name: 'F11-halves',
    about: 'a partition into two halves for 20 s, then one swarm again',
    nodes: 8,
    play: halves,
  },
  { ...lan, name: 'F20-flapping', about: 'a node dies and returns every 3 s for a minute', play: flapping },
]
