import { createSnapshot, type MemberRecord, type Membership } from '@shoal/membership'
import { expect, test } from 'vitest'
import { request, someStage } from '../scenarios/telling.ts'
import { becomeCalm, form } from './calm.ts'
import { topologies } from './topologies.ts'
import { agreements, leftovers, wrongViews } from './truth.ts'
import { createWorld, type World } from './world.ts'

const worldOf = async (seed: number): Promise<World> => {
  const world = await createWorld({
    seed,
    topology: topologies[0]!,
    nodes: 6,
    model: 'tiny',
    runner: 'reference',
  })
  await form(world, ['c0'])
  return world
}

/** Runs the world into the middle of an answer. @returns a stage of that answer */
async function answering(world: World): Promise<string> {
  const generation = await world.ask('c0', request(world))
  await world.loop.until(() => generation.tokens.length >= 5, 10_000)
  return someStage(world)
}

test('a stage that computes wrong numbers is found by the tokens', async () => {
  const world = await worldOf(1)
  world.watch.corrupt(await answering(world), 'wrong', () => undefined, true)
  await becomeCalm(world)
  expect(world.rules.violations.join('\n')).toMatch(
    /token \d+ of the answer begun at .* is \d+ instead of \d+/,
  )
})

test('an answer that ends too early is found', async () => {
  const world = await worldOf(2)
  await answering(world)
  for (const name of world.nodes.keys()) world.kill(name)
  await world.loop.run(40_000)
  expect(world.rules.violations.join('\n')).toMatch(/ended after \d+ of 32 tokens: no-route/)
})

test('sessions that stay open are found', async () => {
  const world = await worldOf(3)
  await answering(world)
  expect(leftovers(world).join('\n')).toMatch(/still has 1 sessions, 1 caches of \d+ bytes/)
  world.killClient('c0')
  expect(leftovers(world)).not.toEqual([])
  await becomeCalm(world)
  expect(leftovers(world)).toEqual([])
  expect(world.rules.violations).toEqual([])
})

test('a ghost, a missing peer, and views that differ are found', async () => {
  const world = await worldOf(4)
  expect(wrongViews(world)).toEqual([])
  world.kill('n05')
  expect(wrongViews(world).join('\n')).toMatch(/n00 holds ghosts \[n05@1\] and misses \[\]/)
  await world.loop.run(2000)
  expect([wrongViews(world), agreements(world).size]).toEqual([[], 1])
  await world.start('n05')
  expect(wrongViews(world).join('\n')).toMatch(/holds ghosts \[\] and misses \[n05@2\]/)
  expect(agreements(world).size).toBeGreaterThan(1)
})

test('routes over dead peers, and resurrected incarnations, are found', async () => {
  const world = await worldOf(5)
  const stage = {
    peer: 'n01',
    addresses: [],
    range: { start: 0, end: 8 },
    incarnation: 1,
    predictedStepMs: () => 1,
  }
  const known = (liveness: 'alive' | 'dead'): Membership => ({
    ...world.clients.get('c0')!.membership,
    snapshot: () => createSnapshot([]),
    members: () => [{ record: { peerId: 'n01', incarnation: 1 } as MemberRecord, liveness, load: null }],
  })
  world.rules.routeTaken('c0', known('alive'), [stage])
  expect(world.rules.violations).toEqual([])
  world.rules.routeTaken('c0', known('dead'), [stage])
  expect(world.rules.violations).toEqual(['c0 routes to n01@1, which it holds dead'])
  world.rules.membershipEvent('c0', { type: 'peer-dead', peer: 'n01', incarnation: 1 })
  world.rules.routeTaken('c0', known('alive'), [stage])
  expect(world.rules.violations.at(-1)).toBe('c0 routes to n01@1, whose end it has seen')
  world.rules.membershipEvent('c0', { type: 'peer-joined', peer: 'n01', incarnation: 1 })
  expect(world.rules.violations.at(-1)).toBe('c0 holds n01@1 alive again')
  world.rules.membershipEvent('c0', { type: 'peer-joined', peer: 'n01', incarnation: 2 })
  expect(world.rules.violations).toHaveLength(3)
})

test('an event that a node logs as an error is a violation', async () => {
  const world = await worldOf(6)
  world.rules.loggerOf('n00').error('span-lost', { why: 'test' })
  expect(world.rules.violations).toEqual(['n00 says span-lost: {"why":"test"}'])
})
