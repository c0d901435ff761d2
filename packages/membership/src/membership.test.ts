import { afterEach, describe, expect, test } from 'vitest'
import { snapshotHash } from './snapshot.ts'
import { createWorld, type World } from './world.ts'

let world: World
afterEach(() => world.close())

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${String(index).padStart(2, '0')}`)

/** Every peer holds all alive, and all snapshots are equal. */
function agree(among: readonly string[]): boolean {
  const hashes = among.map((name) => snapshotHash(world.inhabitants.get(name)!.membership.snapshot()))
  return among.every((name) => world.alive(name).length === among.length) && new Set(hashes).size === 1
}

async function swarm(seed: number, count: number): Promise<string[]> {
  world = createWorld(seed)
  const all = names(count)
  await world.join(all[0]!)
  for (const name of all.slice(1)) await world.join(name, all[0])
  await world.until(() => agree(all), 15_000)
  return all
}

describe('joining', () => {
  test('peers that know one address find all others and agree', async () => {
    await swarm(1, 5)
  })
})

describe('a peer that is killed', () => {
  test('is dead for everybody well under two seconds after its connections break', async () => {
    const all = await swarm(2, 6)
    await world.kill('p03')
    const rest = all.filter((name) => name !== 'p03')
    const dead = { type: 'peer-dead', peer: 'p03', incarnation: 1 }
    const tookMs = await world.until(() => rest.every((name) => world.inhabitants.get(name)!.events.some((event) => event.type === 'peer-dead')), 2000)
    expect(tookMs).toBeLessThan(100)
    for (const name of rest) expect(world.inhabitants.get(name)!.events).toContainEqual(dead)
    expect(agree(rest)).toBe(true)
  })
})
