import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { swarmIdOf, toHex } from './bytes.ts'
import { actIdOf, isAct, revokedBy, signAct } from './charter.ts'
import { signGrant, type Grant } from './grant.ts'
import { limits } from './limits.ts'
import { testKey, verify, type TestKey } from './testing/keys.ts'

const root = testKey(1)
const [senior, junior, node, other] = [testKey(2), testKey(3), testKey(4), testKey(5)]
const swarm = swarmIdOf(root.key)

const grantOf = (subject: TestKey, from: number, change: Partial<Grant> = {}): Promise<Uint8Array> =>
  signGrant(
    {
      swarm,
      subject: subject.key,
      role: 'admin',
      serial: new Uint8Array(8),
      from,
      until: from + 1,
      issuer: root.key,
      ...change,
    },
    root.sign,
  )
const actOf = async (admin: TestKey, revoked: TestKey, grant: Uint8Array): Promise<Uint8Array> =>
  signAct({ swarm, revokes: revoked.key, at: 5, grant }, admin.sign)

const seniorGrant = await grantOf(senior, 1)
const juniorGrant = await grantOf(junior, 2)

test('the bytes of an act never change, and fit the limit', async () => {
  const act = await actOf(senior, node, seniorGrant)
  expect(act.length).toBe(288)
  expect(act.length).toBeLessThanOrEqual(limits.maxActBytes)
  expect(actIdOf(act)).toBe('b7cd943743307aa574accafcad7833d7')
})

test.each<[string, boolean, () => Promise<Uint8Array>]>([
  ['an admin', true, () => actOf(senior, node, seniorGrant)],
  ['a node', false, async () => actOf(node, senior, await grantOf(node, 1, { role: 'node' }))],
  ['a peer with the grant of an admin', false, () => actOf(node, senior, seniorGrant)],
  [
    'an admin of its own making',
    false,
    async () => actOf(node, senior, await grantOf(node, 1, { issuer: node.key })),
  ],
  ['nobody', false, () => Promise.resolve(new Uint8Array(288))],
])('an act of %s counts: %s', async (_name, counts, make) => {
  expect(await isAct(await make(), swarm, verify)).toBe(counts)
  expect(await isAct(await make(), new Uint8Array(16), verify)).toBe(false)
})

test('of two admins that put each other out the senior stays, in whatever order the acts come', async () => {
  const acts = [
    await actOf(senior, junior, seniorGrant),
    await actOf(junior, senior, juniorGrant),
    await actOf(junior, node, juniorGrant),
    await actOf(senior, other, seniorGrant),
  ]
  fc.assert(
    fc.property(fc.shuffledSubarray(acts, { minLength: 4 }), (order) => {
      expect([...revokedBy(order)].sort()).toEqual([junior, other].map(({ key }) => toHex(key)).sort())
    }),
  )
  expect([...revokedBy([await actOf(senior, senior, seniorGrant)])]).toEqual([])
})

test('any change of a byte makes an act worthless', async () => {
  const act = await actOf(senior, node, seniorGrant)
  await fc.assert(
    fc.asyncProperty(fc.nat(act.length - 1), fc.integer({ min: 1, max: 255 }), async (at, difference) => {
      const changed = act.slice()
      changed[at]! ^= difference
      expect(await isAct(changed, swarm, verify)).toBe(false)
    }),
    { numRuns: 60 },
  )
})
