import { createVirtualClock, seededRandom } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { afterEach, describe, expect, test } from 'vitest'
import { memberLimits } from '../limits.ts'
import { Speaker } from '../testing/speaker.ts'
import { createWorld, swarmName, type World } from '../testing/world.ts'
import { WordStore, type Receipt } from './word-store.ts'
import type { Word } from './word.ts'

const clock = createVirtualClock()
const network = createMemoryNetwork({ clock, random: seededRandom(1) })
const mallory = network.createTransport('mallory')
const alice = network.createTransport('alice')
const reader = (at = clock): WordStore =>
  new WordStore({ signer: alice, clock: at, isGone: () => false }, swarmName)

/** Two lives with one number: the same first word, and different second ones. */
async function fork(
  incarnation = 1,
): Promise<{ readonly first: Word; readonly left: Word; readonly right: Word }> {
  const [one, other] = [new Speaker(mallory, incarnation), new Speaker(mallory, incarnation)]
  const first = await one.say({})
  await other.say({})
  return { first, left: await one.say({ links: { a: 1 } }), right: await other.say({ links: { b: 2 } }) }
}

describe('two words with one number', () => {
  test('end that life for everybody who sees both, and a later life begins anew', async () => {
    const { first, left, right } = await fork()
    const store = reader()
    await store.receive(first.bytes)
    await store.receive(left.bytes)
    const receipt = await store.receive(right.bytes)
    expect(receipt).toMatchObject({ outcome: 'fault', owner: 'mallory', fault: { incarnation: 1, count: 1 } })
    // Nothing of that life is read any more.
    expect(await store.receive((await new Speaker(mallory).say({ version: 'x' })).bytes)).toEqual({
      outcome: 'known',
    })
    const next = await new Speaker(mallory, 2).say({})
    expect(await store.receive(next.bytes)).toMatchObject({ outcome: 'accepted', record: { incarnation: 2 } })
  })

  test('are a proof that convinces anybody who has nothing but the two', async () => {
    const { left, right } = await fork()
    const receipt = await reader().receiveProof(left.bytes, right.bytes)
    expect(receipt).toMatchObject({ outcome: 'fault', fault: { incarnation: 1 } })
    expect(left.bytes.length + right.bytes.length).toBeLessThan(600)
  })

  test('prove nothing when they are equal, of two owners, of two numbers, or not signed: their sender is blamed', async () => {
    const { first, left, right } = await fork()
    const store = reader()
    const other = await new Speaker(alice).say({})
    const damaged = Uint8Array.from(right.bytes, (byte, at) => (at === 0 ? byte ^ 1 : byte))
    for (const [a, b] of [
      [left.bytes, left.bytes],
      [first.bytes, other.bytes],
      [first.bytes, left.bytes],
    ] as const)
      await expect(store.receiveProof(a, b)).rejects.toThrow('they do not contradict each other')
    await expect(store.receiveProof(left.bytes, damaged)).rejects.toThrow('which has not signed it')
    expect(store.roster.size).toBe(0)
  })

  test('cost nothing but the life the first time, ten minutes the second, and twice as long each further time', async () => {
    const time = createVirtualClock()
    const store = reader(time)
    const bansMs: number[] = []
    for (let incarnation = 1; incarnation <= 4; incarnation += 1) {
      const { left, right } = await fork(incarnation)
      const receipt = (await store.receiveProof(left.bytes, right.bytes)) as Extract<
        Receipt,
        { outcome: 'fault' }
      >
      const banMs = receipt.fault.bannedUntilMs - time.nowMs()
      bansMs.push(banMs)
      const next = await new Speaker(mallory, incarnation + 1).say({})
      expect((await store.receive(next.bytes)).outcome).toBe(banMs === 0 ? 'accepted' : 'held-back')
      time.advance(banMs)
    }
    expect(bansMs).toEqual([0, 600_000, 1_200_000, 2_400_000])
    time.advance(memberLimits.faultMemoryMs)
    const { left, right } = await fork(9)
    expect(await store.receiveProof(left.bytes, right.bytes)).toMatchObject({ fault: { count: 1 } })
  })
})

describe('in a swarm', () => {
  let world: World | undefined
  afterEach(async () => {
    await world?.close()
    world = undefined
  })

  test('two processes with one key are found by both halves when these meet; both get new lives, and nobody is blamed', async () => {
    const here = (world = createWorld(1))
    const names = ['a', 'b', 'c', 'd']
    await here.join('a')
    for (const name of names.slice(1)) await here.join(name, 'a')
    await here.until(() => names.every((name) => here.alive(name).length === 4), 15_000)
    // The first life has said more than the next one says at once.
    await here.run(5000)
    // An earlier life whose number was lost says other words under the numbers that are known.
    await here.kill('d')
    await here.run(200)
    for (const name of ['a', 'b']) here.network.cut(name, 'd')
    await here.join('d', 'c', { incarnation: 1 })
    for (const name of ['a', 'b']) here.network.heal(name, 'd')
    await here.until(
      () => names.every((name) => here.alive(name).length === 4 && !here.alive(name).includes('d@1')),
      20_000,
    )
    for (const { events } of here.inhabitants.values())
      expect(events.filter(({ type }) => type === 'peer-shut-out')).toEqual([])
  })
})
