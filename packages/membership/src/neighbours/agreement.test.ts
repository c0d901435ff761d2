import { afterEach, expect, test } from 'vitest'
import { snapshotHash } from '../snapshot.ts'
import { createWorld, type World } from '../testing/world.ts'

let world: World
afterEach(() => world.close())

const names = ['a', 'b', 'c', 'd']
const snapshots = (): ReadonlySet<string> =>
  new Set([...world.inhabitants.values()].map(({ membership }) => snapshotHash(membership.snapshot())))
const rttOf = (from: string, to: string): number | undefined =>
  world.inhabitants
    .get('a')
    ?.membership.members()
    .find(({ record }) => record.peerId === from)?.record.links[to]
const agree = (): boolean =>
  snapshots().size === 1 &&
  names.every((from) => names.every((to) => from === to || rttOf(from, to) !== undefined))

/** Links of 10 ms and of 0.4 ms, each reading up to a fifth longer, as a busy machine makes them. */
function jitter(): void {
  for (const [index, from] of names.entries()) {
    for (const to of names.slice(index + 1)) {
      const baseMs = from === 'a' ? 5 : 0.2
      world.network.setLatency(from, to, baseMs * (1 + 0.2 * world.random.unit()))
    }
  }
}

async function quietSwarm(): Promise<void> {
  world = createWorld(21)
  await world.join('a')
  for (const name of names.slice(1)) await world.join(name, 'a')
  jitter()
  await world.until(agree, 30_000)
  // Joined over other links: their last words may take two minutes.
  for (let second = 0; second < 120; second += 1) {
    jitter()
    await world.run(1000)
  }
}

test(
  'readings that differ with each ping change no announcement: all peers keep one snapshot, a client that joins included',
  { timeout: 200_000 },
  async () => {
    await quietSwarm()
    const [before] = snapshots()
    for (const name of names) world.network.setLatency('client', name, 1)
    await world.join('client', 'b', { silent: true })
    await world.until(() => snapshots().size === 1, 5000)
    for (let second = 0; second < 20; second += 1) {
      jitter()
      await world.run(1000)
      expect([...snapshots()]).toEqual([before])
    }
    // The links were measured, not guessed.
    expect(rttOf('b', 'a')).toBeGreaterThanOrEqual(10_000)
    expect(rttOf('b', 'a')).toBeLessThan(12_500)
    expect(rttOf('b', 'c')).toBe(500)
  },
)

test(
  'a link that becomes three times as long is announced by both ends, and then all peers agree again',
  { timeout: 200_000 },
  async () => {
    await quietSwarm()
    const [before] = snapshots()
    world.network.setLatency('a', 'b', 15)
    await world.until(
      () => (rttOf('a', 'b') ?? 0) >= 30_000 && (rttOf('b', 'a') ?? 0) >= 30_000 && snapshots().size === 1,
      120_000,
    )
    expect([...snapshots()]).not.toEqual([before])
  },
)
