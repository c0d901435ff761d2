import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { swarmIdOf } from '../bytes.ts'
import { actIdOf, isAct, readAct, signAct, type Provision } from './act.ts'
import { signGrant, type Grant } from '../grant.ts'
import { limits } from '../limits.ts'
import { testKey, verify, type TestKey } from '../testing/keys.ts'

const root = testKey(1)
const [senior, node] = [testKey(2), testKey(4)]
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
  signAct({ swarm, provision: { kind: 'revoke', key: revoked.key }, generation: 0, at: 5, grant }, admin.sign)

const seniorGrant = await grantOf(senior, 1)

test('the bytes of an act never change, and fit the limit', async () => {
  const act = await actOf(senior, node, seniorGrant)
  expect(act.length).toBe(291)
  expect(act.length).toBeLessThanOrEqual(limits.maxActBytes)
  expect(actIdOf(act)).toBe('59c7eeba339ccb929bf2d8a8ae4aca0c')
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

test.each<Provision>([
  { kind: 'revoke', key: node.key },
  { kind: 'secret', secret: new Uint8Array(16).fill(9) },
  { kind: 'name', name: 'Zuhause'.padEnd(limits.maxNameCharacters, '語') },
])('an act of kind $kind is read as it was signed', async (provision) => {
  const generation = limits.maxGeneration
  const bytes = await signAct({ swarm, provision, generation, at: 5, grant: seniorGrant }, senior.sign)
  expect(readAct(bytes)).toEqual({ swarm, provision, generation, at: 5, grant: seniorGrant })
  expect(await isAct(bytes, swarm, verify)).toBe(true)
})

test('a name that is too long makes no act', async () => {
  const provision: Provision = { kind: 'name', name: 'n'.repeat(limits.maxNameCharacters + 1) }
  const bytes = await signAct({ swarm, provision, generation: 1, at: 5, grant: seniorGrant }, senior.sign)
  expect(await isAct(bytes, swarm, verify)).toBe(false)
})
