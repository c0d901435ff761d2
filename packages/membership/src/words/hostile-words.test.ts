import { createVirtualClock, seededRandom, type ShoalError } from '@shoal/host'
import { expect, test } from 'vitest'
import { memberLimits } from '../limits.ts'
import { valuesOfRecord } from '../records/record.ts'
import type { Signer } from '../records/seal.ts'
import { memberRecord } from '../testing/member-record.ts'
import { createDice, damaged, nonsenseUpdate, type PlacedValue } from '../testing/random-updates.ts'
import { Speaker } from '../testing/speaker.ts'
import { swarmName } from '../testing/world.ts'
import { WordStore } from './word-store.ts'
import { clientOf, noPrev, readWord, sealWord, type WordBody } from './word.ts'

/** Every signature is valid here: the tests are about what comes behind it. */
const signer: Signer = {
  sign: () => Promise.resolve(new Uint8Array(64)),
  verify: () => Promise.resolve(true),
}
const speakerOf = (name: string): Speaker =>
  new Speaker({ ...signer, peerId: name } as unknown as ConstructorParameters<typeof Speaker>[0])

/** What the hostile owner's honest document would hold. */
const values: readonly PlacedValue[] = [...valuesOfRecord(memberRecord('mallory'))].map(
  ([key, bytes], clock) => ({
    key,
    client: 0,
    clock,
    bytes,
  }),
)

test('10,000 valid, damaged and random updates, signed by their owner, cost at most its life and touch no other owner', async () => {
  const dice = createDice(seededRandom(7))
  const clock = createVirtualClock()
  const store = new WordStore({ signer, clock, isGone: () => false }, swarmName)
  const victims = await Promise.all(
    ['alice', 'bob'].map(async (name) => store.receive((await speakerOf(name).say({})).bytes)),
  )
  const before = store.roster.all()
  const outcomes = new Map<string, number>()
  const { update: other } = await speakerOf('other').say({ version: 'x' })
  let slowestMs = 0
  for (let life = 1; life <= 10_000; life += 1) {
    // Bans are another test's matter.
    clock.advance(memberLimits.faultMemoryMs)
    const owner = `mallory-${life % 50}`
    const header = {
      owner,
      incarnation: life,
      seq: 1,
      generation: 0,
      kind: 'snapshot',
      prev: noPrev,
    } as const
    const speaker = speakerOf(owner)
    speaker.restart(life)
    const honest = await speaker.say({ links: { other: life } })
    const client = clientOf(honest)
    const update = dice.once(3)
      ? nonsenseUpdate(
          dice,
          values.map((value) => ({ ...value, client: dice.once(4) ? 9 : client })),
        )
      : dice.once(4)
        ? honest.update
        : damaged(dice, honest.update, other)
    const word = await sealWord(signer, swarmName, { ...header, update })
    const started = process.cpuUsage()
    const { outcome } = await store.receive(word.bytes)
    slowestMs = Math.max(slowestMs, process.cpuUsage(started).user / 1000)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  expect(victims.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted'])
  expect(store.roster.all().filter(({ peerId }) => !peerId.startsWith('mallory'))).toEqual(before)
  expect([...outcomes.keys()].sort()).toEqual(['accepted', 'fault'])
  expect(outcomes.get('accepted')).toBeGreaterThan(1000)
  expect(outcomes.get('fault')).toBeGreaterThan(5000)
  // Collecting garbage included; 65,536 items froze a reader for seconds.
  expect(slowestMs).toBeLessThan(500)
}, 200_000)

test('damaged and random bytes in the place of a word are refused, and the sender is to blame', async () => {
  const dice = createDice(seededRandom(8))
  const store = new WordStore(
    { signer: { verify: () => Promise.resolve(false) }, clock: createVirtualClock(), isGone: () => false },
    swarmName,
  )
  const honest = (await speakerOf('alice').say({})).bytes
  for (let times = 0; times < 3000; times += 1) {
    const bytes = dice.once(2)
      ? damaged(dice, honest, honest)
      : Uint8Array.from({ length: dice.below(300) }, () => dice.below(256))
    const refusal: unknown = await store.receive(bytes).catch((error: unknown) => error)
    expect((refusal as ShoalError).code).toBe('bad-frame')
  }
  expect(store.roster.size).toBe(0)
})

test.each<[string, Partial<WordBody>]>([
  ['a first word with a link', { prev: new Uint8Array(16).fill(1) }],
  ['a later word without a link', { seq: 2 }],
  ['a word with the number zero', { seq: 0 }],
  ['an update of another document', { generation: 1 }],
])('%s is a fault of its owner', async (_, change) => {
  const store = new WordStore({ signer, clock: createVirtualClock(), isGone: () => false }, swarmName)
  const honest = await speakerOf('mallory').say({})
  const word = await sealWord(signer, swarmName, { ...honest, ...change })
  expect(await store.receive(word.bytes)).toMatchObject({ outcome: 'fault', owner: 'mallory' })
})

test('a word that breaks a rule of records, or does not follow the word before it, is a fault of its owner, and its chain proves it', async () => {
  for (const spoil of [
    (next: WordBody): WordBody => ({ ...next, prev: new Uint8Array(16) }),
    (next: WordBody): WordBody => ({ ...next, generation: 3 }),
    (next: WordBody): WordBody => ({ ...next, update: next.update.slice(1) }),
  ]) {
    const speaker = speakerOf('mallory')
    const store = new WordStore({ signer, clock: createVirtualClock(), isGone: () => false }, swarmName)
    const first = await speaker.say({})
    await store.receive(first.bytes)
    const bad = await sealWord(signer, swarmName, spoil(await speaker.say({ links: { other: 1 } })))
    const receipt = await store.receive(bad.bytes)
    expect(receipt).toMatchObject({ outcome: 'fault', owner: 'mallory' })
    // Another reader, which has nothing, comes to the same verdict from the proof alone.
    const other = new WordStore({ signer, clock: createVirtualClock(), isGone: () => false }, swarmName)
    const proof = receipt.outcome === 'fault' ? receipt.fault.proof : []
    const verdicts: string[] = []
    for (const { bytes } of proof) verdicts.push((await other.receive(bytes)).outcome)
    expect(verdicts).toEqual(['accepted', 'fault'])
  }
  const store = new WordStore({ signer, clock: createVirtualClock(), isGone: () => false }, swarmName)
  const { bytes } = await speakerOf('mallory').say({ span: { start: 3, end: 3 } })
  expect(await store.receive(bytes)).toMatchObject({
    outcome: 'fault',
    why: expect.stringContaining('span') as string,
  })
})

test('the bytes of a word', async () => {
  const word = await sealWord(signer, swarmName, {
    owner: 'alice',
    incarnation: 7,
    seq: 1,
    generation: 0,
    kind: 'snapshot',
    prev: noPrev,
    update: Uint8Array.of(0, 0),
  })
  const hex = Buffer.from(word.bytes).toString('hex')
  expect(hex).toBe(
    `${'00'.repeat(64)}8765616c69636507010000500000000000000000000000000000000042 0000`.replace(' ', ''),
  )
  expect(readWord(word.bytes)).toEqual(word)
  expect(clientOf(word)).toBe(1812490092)
})
