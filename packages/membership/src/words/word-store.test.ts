import * as fc from 'fast-check'
import { createVirtualClock, seededRandom, type VirtualClock } from '@shoal/host'
import { createMemoryNetwork, type Transport } from '@shoal/network'
import { limits } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { memberLimits } from '../limits.ts'
import { Speaker } from '../testing/speaker.ts'
import { swarmName } from '../testing/world.ts'
import { compareVector, tellAll, vectorOf } from './vector.ts'
import { WordStore } from './word-store.ts'
import type { Word } from './word.ts'

const clock = createVirtualClock()
const network = createMemoryNetwork({ clock, random: seededRandom(1) })
const [alice, bob, eve] = ['alice', 'bob', 'eve'].map((name) => network.createTransport(name)) as [
  Transport,
  Transport,
  Transport,
]

function reader(at: VirtualClock = clock, verified: string[] = []): WordStore {
  const verify: Transport['verify'] = (peer, bytes, signature) => {
    verified.push(peer)
    return eve.verify(peer, bytes, signature)
  }
  return new WordStore({ signer: { verify }, clock: at, isGone: () => false }, swarmName)
}

const outcome = async (store: WordStore, { bytes }: Word): Promise<string> =>
  (await store.receive(bytes)).outcome

/** Brings a store up to date from another one, as two neighbours do with vectors. */
async function fetchFrom(source: WordStore, store: WordStore): Promise<void> {
  const { missing } = compareVector(source.owners, 5, vectorOf(store.owners, 5))
  for (const message of tellAll(source.owners, missing)) {
    if (message.type === 'words') for (const word of message.words) await store.receive(word)
    if (message.type === 'proof') await store.receiveProof(message.words[0]!, message.words[1]!)
  }
}

test('words in any order, some lost and some repeated, end in one state, and nobody is blamed', async () => {
  const speaker = new Speaker(alice)
  const first = await speaker.sayMany(30)
  speaker.restart(2)
  const all = [...first, ...(await speaker.sayMany(5)), ...(await new Speaker(bob).sayMany(12))]
  const whole = reader()
  for (const word of all) await whole.receive(word.bytes)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(all.length - 1), { maxLength: 120 }),
      fc.array(fc.nat(all.length - 1), { maxLength: 120 }),
      async (one, other) => {
        const stores = [reader(), reader()] as const
        for (const [index, order] of [one, other].entries())
          for (const at of order)
            expect(await outcome(stores[index]!, all[at]!)).toMatch(/^(accepted|known|gap)$/)
        // Both meet, and then meet one that heard everything.
        await fetchFrom(stores[0], stores[1])
        await fetchFrom(whole, stores[1])
        await fetchFrom(stores[1], stores[0])
        for (const store of stores) expect(store.roster.all()).toEqual(whole.roster.all())
      },
    ),
    { numRuns: 40, seed: 11 },
  )
  expect(whole.roster.get('alice')).toMatchObject({ incarnation: 2, seq: 5, links: { other: 5 } })
  expect(whole.roster.get('bob')).toMatchObject({ incarnation: 1, seq: 12, links: { other: 12 } })
})

test('what is kept of an owner does not grow over 1,000 lives', async () => {
  const time = createVirtualClock()
  const store = reader(time)
  const speaker = new Speaker(alice)
  const sizes: number[] = []
  for (let life = 1; life <= 1000; life += 1) {
    speaker.restart(life)
    for (const word of await speaker.sayMany(1)) {
      expect(await outcome(store, word)).toBe('accepted')
      time.advance(memberLimits.wordEveryMs)
    }
    if (life % 500 === 0 || life === 1) sizes.push(store.byteLength())
  }
  // The life's number takes two bytes more.
  expect(sizes[1]! - sizes[0]!).toBeLessThanOrEqual(2)
  expect(sizes[2]).toBe(sizes[1])
})

test('an owner compacts its words: what a newcomer reads is bounded after 500 changes', async () => {
  const time = createVirtualClock()
  const store = reader(time)
  let most = 0
  for (const word of await new Speaker(alice).sayMany(500)) {
    expect(await outcome(store, word)).toBe('accepted')
    time.advance(memberLimits.wordEveryMs)
    most = Math.max(most, store.owners.of('alice')!.chain!.words.length)
  }
  expect(most).toBe(memberLimits.maxDeltas + 1)
  expect(store.byteLength()).toBeLessThan(memberLimits.maxChainBytes)
})

test('a word that is known costs no signature check, and neither does one of an earlier life or document', async () => {
  const verified: string[] = []
  const time = createVirtualClock()
  const store = reader(time, verified)
  const speaker = new Speaker(alice)
  const old = await speaker.sayMany(2)
  speaker.restart(2)
  const words = [...old, ...(await speaker.sayMany(30))]
  for (const word of words) await store.receive(word.bytes)
  expect(verified).toHaveLength(words.length)
  for (let times = 0; times < 100; times += 1)
    for (const word of words) expect(await outcome(store, word)).toBe('known')
  expect(verified).toHaveLength(words.length)
})

test('an owner that says more than its pace is held back, without a signature check, until its time comes', async () => {
  const verified: string[] = []
  const time = createVirtualClock()
  const store = reader(time, verified)
  const words = await new Speaker(alice).sayMany(memberLimits.wordBurst + 2)
  for (const word of words.slice(0, memberLimits.wordBurst))
    expect(await outcome(store, word)).toBe('accepted')
  const [next, last] = words.slice(memberLimits.wordBurst) as [Word, Word]
  expect(await outcome(store, next)).toBe('held-back')
  expect(verified).toHaveLength(memberLimits.wordBurst)
  time.advance(memberLimits.wordEveryMs)
  expect([await outcome(store, next), await outcome(store, last)]).toEqual(['accepted', 'held-back'])
})

test('a full swarm takes a newcomer only in the place of a peer that is gone', async () => {
  let gone = ''
  const verify = (): Promise<boolean> => Promise.resolve(true)
  const store = new WordStore({ signer: { verify }, clock, isGone: (peer) => peer === gone }, swarmName)
  for (let index = 0; index < limits.maxMembers; index += 1) {
    const speaker = new Speaker({
      ...alice,
      peerId: `m${index}`,
      sign: () => Promise.resolve(new Uint8Array(64)),
    })
    await store.receive((await speaker.say({})).bytes)
  }
  const newcomer = await new Speaker(bob).say({})
  expect(await outcome(store, newcomer)).toBe('held-back')
  gone = 'm7'
  expect(await outcome(store, newcomer)).toBe('accepted')
  expect([store.roster.size, store.roster.get('m7')]).toEqual([limits.maxMembers, undefined])
})

test('an unsigned word, and one signed by another key or for another swarm, is a fault of its sender', async () => {
  const store = reader()
  const word = await new Speaker(alice).say({})
  const forged = { ...word, bytes: Uint8Array.from(word.bytes, (byte, at) => (at < 64 ? 0 : byte)) }
  const signedByEve = await new Speaker({ ...alice, peerId: 'alice', sign: eve.sign.bind(eve) }).say({})
  const foreign = new WordStore({ signer: eve, clock, isGone: () => false }, 'b'.repeat(64))
  await expect(store.receive(forged.bytes)).rejects.toThrow('is not signed by it')
  await expect(store.receive(signedByEve.bytes)).rejects.toThrow('is not signed by it')
  await expect(foreign.receive(word.bytes)).rejects.toThrow('is not signed by it')
  expect(store.roster.size).toBe(0)
})
