import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { swarmIdOf, toHex } from '../bytes.ts'
import { signGrant } from '../grant.ts'
import { limits } from '../limits.ts'
import { testKey, type TestKey } from '../testing/keys.ts'
import { knownAct, signAct, type KnownAct, type Provision } from './act.ts'
import { acceptedSecrets, charterOf, keptActs, nextGeneration, voidActs } from './charter.ts'

const root = testKey(1)
const swarm = swarmIdOf(root.key)

interface Admin extends TestKey {
  readonly grant: Uint8Array
}

async function admin(byte: number, from: number): Promise<Admin> {
  const key = testKey(byte)
  const grant = await signGrant(
    {
      swarm,
      subject: key.key,
      role: 'admin',
      serial: new Uint8Array(8),
      from,
      until: from + 1,
      issuer: root.key,
    },
    root.sign,
  )
  return { ...key, grant }
}

const senior = await admin(2, 1)
const junior = await admin(3, 2)
const [node, other] = [testKey(4), testKey(5)]

const actOf = async (
  { sign, grant }: Admin,
  provision: Provision,
  generation = 0,
  at = 5,
): Promise<KnownAct> => knownAct(await signAct({ swarm, provision, generation, at, grant }, sign))

const revoke = (by: Admin, { key }: TestKey): Promise<KnownAct> => actOf(by, { kind: 'revoke', key })
const rename = (by: Admin, name: string, generation: number): Promise<KnownAct> =>
  actOf(by, { kind: 'name', name }, generation)
const secret = (by: Admin, byte: number, generation: number, at: number): Promise<KnownAct> =>
  actOf(by, { kind: 'secret', secret: new Uint8Array(16).fill(byte) }, generation, at)

/** Everything that admins may have done, some of it apart from each other. */
const everything = [
  await revoke(senior, junior),
  await revoke(junior, senior),
  await revoke(junior, node),
  await revoke(senior, other),
  await rename(senior, 'home', 1),
  await rename(senior, 'house', 2),
  await rename(junior, 'hut', 2),
  await rename(junior, 'hotel', 3),
  ...(await Promise.all([1, 2, 3, 4, 5, 6].map((byte) => secret(senior, byte, byte, byte)))),
  await secret(junior, 9, 3, 9),
]

const summaryOf = (acts: readonly KnownAct[]) => {
  const { revoked, name, secrets } = charterOf(acts)
  return { revoked: [...revoked].sort(), name, secrets }
}

test('halves that edit apart agree when they heal, whatever comes first and however often', () => {
  const expected = keptActs(everything)
  fc.assert(
    fc.property(fc.array(fc.shuffledSubarray(everything), { maxLength: 6 }), (portions) => {
      let kept: readonly KnownAct[] = []
      for (const portion of portions) kept = keptActs([...kept, ...portion])
      kept = keptActs([...everything.toReversed(), ...kept])
      expect(kept.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
      expect(summaryOf(kept)).toEqual(summaryOf(expected))
    }),
  )
})

test('acts of admins that seniors have put out can be left out: all agree after the next exchange', async () => {
  const first = await admin(6, 0)
  // The first admin puts the senior out, who has put the junior out: what the junior did counts again.
  const acts = [...everything, await revoke(first, senior), await rename(first, 'hall', 1)]
  const merged = (kept: readonly KnownAct[], news: readonly KnownAct[]): readonly KnownAct[] => {
    const isVoid = voidActs(kept)
    const next = keptActs([...kept, ...news.filter((act) => !isVoid(act))])
    return next.length > kept.length ? merged(next, news) : next
  }
  fc.assert(
    fc.property(fc.shuffledSubarray(acts), fc.array(fc.shuffledSubarray(acts)), (all, portions) => {
      const kept = portions.reduce(merged, keptActs([]))
      const others = keptActs(all)
      expect(summaryOf(merged(kept, others))).toEqual(summaryOf(keptActs([...kept, ...others])))
    }),
  )
})

test('an admin that a senior has put out can add nothing more', async () => {
  const isVoid = voidActs([await revoke(senior, junior)])
  expect(isVoid(await rename(junior, 'flood', 7))).toBe(true)
  expect(isVoid(await rename(senior, 'home', 7))).toBe(false)
  // The senior's answer must still be heard where only the junior's act is known.
  expect(voidActs([await revoke(junior, senior)])(await revoke(senior, junior))).toBe(false)
})

test('of two admins that put each other out the senior stays, and the edits of the other count no longer', () => {
  const { revoked, name } = charterOf(keptActs(everything))
  expect([...revoked].sort()).toEqual([junior, other].map(({ key }) => toHex(key)).sort())
  expect(name).toBe('house')
})

test('an admin cannot put itself out', async () => {
  expect([...charterOf([await revoke(senior, senior)]).revoked]).toEqual([])
})

test('the newest name counts, and of two of one generation that of the senior admin', async () => {
  const [first, apart, later] = [
    await rename(senior, 'home', 1),
    await rename(junior, 'hut', 1),
    await rename(junior, 'hotel', 2),
  ]
  expect(charterOf([apart, first]).name).toBe('home')
  expect(charterOf([later, first]).name).toBe('hotel')
  expect(nextGeneration([first, apart, later], first.subject)).toBe(3)
  expect(charterOf([later, await rename(senior, '', 3)]).name).toBeNull()
})

test('at the limit the acts of senior admins stay, whatever comes first', async () => {
  const keys = Array.from({ length: limits.maxActs }, (_, index) => {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, index)
    return key
  })
  // Bytes of one act are enough: signatures are not looked at here.
  const model = await revoke(junior, node)
  const flood = keys.map((key, index) => ({ ...model, id: `${index}`, subject: `1 ${toHex(key)}` }))
  const lone = await revoke(senior, other)
  const [late, early] = [keptActs([...keptActs(flood), lone]), keptActs([lone, ...flood])]
  expect(late.map(({ id }) => id)).toEqual(early.map(({ id }) => id))
  expect([late.length, late.includes(lone)]).toEqual([limits.maxActs, true])
})

test('a secret that was replaced is accepted as long as a grant lasts, and three of them at most', async () => {
  const given = [{ secret: new Uint8Array(16), until: null }]
  expect(acceptedSecrets(charterOf([]), given)).toEqual(given)
  const once = charterOf(keptActs([await secret(senior, 1, 1, 1000)]))
  expect(acceptedSecrets(once, given)).toEqual([
    { secret: new Uint8Array(16).fill(1), until: null },
    { secret: new Uint8Array(16), until: 1000 + limits.grantSeconds },
  ])
  const often = charterOf(keptActs(everything.filter(({ signerKey }) => signerKey === toHex(senior.key))))
  expect(acceptedSecrets(often, given).map(({ secret: bytes }) => bytes[0])).toEqual([6, 5, 4, 3])
})

test('halves that replace the secret apart have one in common, and agree on one after healing', async () => {
  const [here, there] = [await secret(senior, 1, 1, 1000), await secret(junior, 2, 1, 2000)]
  const given = [{ secret: new Uint8Array(16), until: null }]
  const acceptedBy = (...acts: KnownAct[]): (number | undefined)[] =>
    acceptedSecrets(charterOf(keptActs(acts)), given).map(({ secret: bytes }) => bytes[0])
  expect([acceptedBy(here), acceptedBy(there)]).toEqual([
    [1, 0],
    [2, 0],
  ])
  expect(acceptedBy(here, there)).toEqual([1, 2, 0])
  expect(acceptedBy(there, here)).toEqual([1, 2, 0])
})
