import { seededRandom, silentLogger } from '@shoal/host'
import { afterEach, describe, expect, test } from 'vitest'
import { createMembership } from './membership.ts'
import { membershipProfiles } from './options.ts'
import { snapshotHash } from './snapshot.ts'
import { createWorld, swarmName, type World } from './testing/world.ts'

let world: World
afterEach(() => world.close())

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `p${String(index).padStart(2, '0')}`)

/** Every peer holds all alive, and all snapshots are equal. */
function agree(among: readonly string[]): boolean {
  if (!among.every((name) => world.alive(name).length === among.length)) return false
  return (
    new Set(among.map((name) => snapshotHash(world.inhabitants.get(name)!.membership.snapshot()))).size === 1
  )
}

function eventsOf(name: string, type: string): unknown[] {
  return world.inhabitants.get(name)!.events.filter((event) => event.type === type)
}

async function swarm(seed: number, count: number): Promise<string[]> {
  world = createWorld(seed)
  const all = names(count)
  await world.join(all[0]!)
  for (const name of all.slice(1)) await world.join(name, all[0])
  await world.until(() => agree(all), 15_000)
  // Records and statements are there before all connections and links are.
  await world.run(10_000)
  return all
}

describe('joining', () => {
  test.each([1, 2, 3])('peers that know one address find all others and agree (seed %i)', async (seed) => {
    await swarm(seed, 6)
  })

  test('a client that announces nothing sees all members, and none of them sees it', async () => {
    const all = await swarm(4, 3)
    await world.join('client', 'p00', { silent: true })
    await world.until(() => world.alive('client').length === 3, 5000)
    for (const name of all) expect(world.alive(name)).toHaveLength(3)
  })

  test('a member of another swarm does not become a member of this one', async () => {
    await swarm(5, 2)
    await world.join('x', 'p00', { document: 'b'.repeat(64) })
    await world.run(3000)
    expect(world.alive('p00')).toEqual(['p00@1', 'p01@1'])
    expect(world.alive('x')).toEqual(['x@1'])
  })

  test('a record alone makes no peer alive', async () => {
    world = createWorld(6)
    await world.join('a')
    await world.join('b', 'a')
    await world.until(() => agree(['a', 'b']), 5000)
    await world.kill('b')
    await world.run(100)
    await world.join('c', 'a')
    await world.run(30_000)
    // b's record travelled to c, and stays what it is: unknown, then dead.
    expect(
      world.inhabitants
        .get('c')!
        .membership.members()
        .find(({ record }) => record.peerId === 'b')?.liveness,
    ).toBe('dead')
    expect(eventsOf('c', 'peer-joined')).toEqual([{ type: 'peer-joined', peer: 'a', incarnation: 1 }])
  })
})

describe('going', () => {
  test('a killed peer is dead for everybody well under two seconds after its connections break', async () => {
    const all = await swarm(7, 6)
    await world.kill('p03')
    const rest = all.filter((name) => name !== 'p03')
    const tookMs = await world.until(
      () => rest.every((name) => eventsOf(name, 'peer-dead').length === 1),
      2000,
    )
    expect(tookMs).toBeLessThan(100)
    for (const name of rest)
      expect(eventsOf(name, 'peer-dead')).toEqual([{ type: 'peer-dead', peer: 'p03', incarnation: 1 }])
    expect(agree(rest)).toBe(true)
  })

  test('a peer that leaves is left, not dead, even when it is gone at once', async () => {
    const all = await swarm(8, 4)
    await world.inhabitants.get('p02')!.membership.leave()
    await world.run(5)
    await world.kill('p02')
    await world.run(20_000)
    const rest = all.filter((name) => name !== 'p02')
    for (const name of rest) {
      expect(eventsOf(name, 'peer-left')).toEqual([{ type: 'peer-left', peer: 'p02', incarnation: 1 }])
      expect(eventsOf(name, 'peer-dead')).toEqual([])
    }
    expect(agree(rest)).toBe(true)
  })

  test('a peer behind a black hole is dead after its lease and the dial-back', async () => {
    const all = await swarm(9, 3)
    for (const name of ['p00', 'p01']) world.network.stop(name, 'p02')
    const tookMs = await world.until(
      () => ['p00', 'p01'].every((name) => eventsOf(name, 'peer-dead').length === 1),
      15_000,
    )
    const { leaseMs, dialBackMs, beatIntervalMs } = membershipProfiles.lan
    expect(tookMs).toBeGreaterThan(leaseMs - 2 * beatIntervalMs)
    expect(tookMs).toBeLessThan(leaseMs + dialBackMs + 2 * beatIntervalMs)
    expect(all).toHaveLength(3)
  })

  test('a peer that is silent for three seconds stays alive', async () => {
    const all = await swarm(10, 5)
    for (const name of all) if (name !== 'p01') world.network.stop(name, 'p01')
    await world.run(3000)
    for (const name of all) if (name !== 'p01') world.network.heal(name, 'p01')
    await world.run(10_000)
    for (const name of all)
      expect([
        eventsOf(name, 'peer-dead'),
        eventsOf(name, 'peer-suspected'),
        eventsOf(name, 'self-expired'),
      ]).toEqual([[], [], []])
    expect(agree(all)).toBe(true)
  })
})

describe('coming back', () => {
  test('a restart under the same id is a new life, and the old one is never alive again', async () => {
    const all = await swarm(11, 4)
    for (let incarnation = 2; incarnation <= 7; incarnation += 1) {
      await world.kill('p02')
      await world.run(incarnation * 37)
      await world.join('p02', 'p00', { incarnation })
      await world.until(() => agree(all), 5000)
      for (const name of all) expect(world.alive(name)).toContain(`p02@${incarnation}`)
      await world.run(3000)
      expect(agree(all)).toBe(true)
    }
    const joined = eventsOf('p00', 'peer-joined').filter(
      (event) => (event as { peer: string }).peer === 'p02',
    )
    expect(joined.map((event) => (event as { incarnation: number }).incarnation)).toEqual([
      1, 2, 3, 4, 5, 6, 7,
    ])
  })

  test('a peer that comes back with a lost incarnation number raises it above its old one', async () => {
    const all = await swarm(12, 3)
    await world.kill('p01')
    await world.run(500)
    await world.join('p01', 'p00', { incarnation: 1 })
    await world.until(() => agree(all), 5000)
    expect(world.inhabitants.get('p01')!.membership.incarnation).toBeGreaterThan(1)
  })

  test('a long-partitioned peer does not bring back the dead', async () => {
    const all = await swarm(13, 5)
    // p04 is alone, while p03 dies; p04 comes back with p03's record, and with the belief that it lives.
    for (const name of all) if (name !== 'p04') world.network.stop(name, 'p04')
    await world.kill('p03')
    await world.run(4000)
    expect(
      world.inhabitants
        .get('p04')!
        .membership.members()
        .find(({ record }) => record.peerId === 'p03')?.liveness,
    ).toBe('suspect')
    for (const name of all) if (name !== 'p04') world.network.heal(name, 'p04')
    const rest = all.filter((name) => name !== 'p03')
    await world.until(() => agree(rest), 15_000)
    await world.run(30_000)
    expect(agree(rest)).toBe(true)
    for (const name of ['p00', 'p01', 'p02'])
      expect(
        eventsOf(name, 'peer-joined').filter((event) => (event as { peer: string }).peer === 'p03'),
      ).toHaveLength(1)
  })

  test.each([14, 15, 16])(
    'two halves of sixteen heal within a second after their links return (seed %i)',
    async (seed) => {
      const all = await swarm(seed, 16)
      const [left, right] = [all.slice(0, 8), all.slice(8)]
      for (const a of left) for (const b of right) world.network.cut(a, b)
      await world.until(() => agree(left) && agree(right), 15_000)
      await world.run(20_000)
      for (const a of left) for (const b of right) world.network.heal(a, b)
      const tookMs = await world.until(() => agree(all), 10_000)
      expect(tookMs).toBeLessThanOrEqual(1000)
      await world.run(10_000)
      expect(agree(all)).toBe(true)
    },
  )

  test('a beat that arrived while its reader stood still extends the lease once only (seed 774 of the churn)', async () => {
    const all = await swarm(18, 3)
    const [sleeper, silent] = ['p00', 'p02']
    const { beatIntervalMs, dialBackMs, leaseMs } = membershipProfiles.lan
    world.freeze(sleeper)
    for (const name of ['p01', silent]) world.network.stop(name, sleeper)
    await world.run(120_000)
    // The sleeper's sockets hold the beats of two minutes; from now on no peer receives further ones of their owner.
    world.network.heal(silent, sleeper)
    world.network.heal('p01', sleeper)
    for (const name of ['p01', sleeper]) world.network.stop(name, silent)
    world.thaw(sleeper)
    await world.run(10)
    expect(world.alive(sleeper)).toContain(`${silent}@1`)
    expect(eventsOf(sleeper, 'self-expired')).toEqual([
      { type: 'self-expired', incarnation: 1, next: 2, cause: 'stood-still' },
    ])
    const tookMs = await world.until(
      () => eventsOf(sleeper, 'peer-dead').some((event) => (event as { peer: string }).peer === silent),
      2 * leaseMs,
    )
    expect(tookMs).toBeGreaterThan(leaseMs - 2 * beatIntervalMs)
    expect(tookMs).toBeLessThan(leaseMs + dialBackMs + 2 * beatIntervalMs)
    expect(all).toHaveLength(3)
  })

  test('a peer that stood still beyond its lease ends its own incarnation and begins the next one', async () => {
    world = createWorld(17)
    // A clock whose timers the test stops, as SIGSTOP stops those of a process while its monotonic clock goes on.
    const transport = world.network.createTransport('s')
    let standing = false
    const due: (() => void)[] = []
    const clock = {
      ...world.clock,
      after: (delayMs: number, action: () => void) =>
        world.clock.after(delayMs, () => (standing ? due.push(action) : action())),
    }
    const sleeper = createMembership(
      { transport, clock, random: seededRandom(99), logger: silentLogger },
      { ...membershipProfiles.lan, document: swarmName, incarnation: 1 },
    )
    const expired: unknown[] = []
    sleeper.onEvent((event) => event.type === 'self-expired' && expired.push(event))
    await world.join('a')
    await world.join('b', 'a')
    sleeper.start()
    await sleeper.announce({ state: 'serving', span: { start: 0, end: 1 } })
    const dialled = transport.dial('/memory/a/p2p/a', { signal: new AbortController().signal })
    await world.until(() => world.alive('b').includes('s@1'), 10_000)
    await dialled

    standing = true
    for (const name of ['a', 'b']) world.network.stop(name, 's')
    await world.run(membershipProfiles.lan.leaseMs + 5000)
    expect(world.alive('a')).toEqual(['a@1', 'b@1'])
    standing = false
    for (const name of ['a', 'b']) world.network.heal(name, 's')
    for (const action of due.splice(0)) action()
    await world.until(() => world.alive('a').includes('s@2') && world.alive('b').includes('s@2'), 5000)
    expect(expired).toContainEqual({ type: 'self-expired', incarnation: 1, next: 2, cause: 'stood-still' })
    // Its own standstill counted against no other peer.
    expect(sleeper.snapshot().members.map(({ peerId }) => peerId)).toEqual(['a', 'b', 's'])
    await sleeper.close()
  })

  test('one that only observes and was apart from all holds them alive again within a lease and some beats', async () => {
    const here = (world = createWorld(3))
    const names = ['a', 'b', 'c']
    for (const name of names) await here.join(name, name === 'a' ? undefined : 'a')
    await here.join('z', 'a', { silent: true })
    await here.until(() => here.alive('z').length === 3, 10_000)
    for (const name of names) here.network.stop('z', name)
    await here.until(() => here.alive('z').length === 0, 60_000)
    for (const name of names) here.network.heal('z', name)
    await here.until(() => here.alive('z').length === 3, 25_000)
    expect(here.alive('z')).toEqual(['a@1', 'b@1', 'c@1'])
  })
})
