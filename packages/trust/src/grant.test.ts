import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, swarmIdOf, toHex } from './bytes.ts'
import { judgeChain } from './chain.ts'
import { readGrant, signGrant, type Grant } from './grant.ts'
import { limits } from './limits.ts'
import type { Role } from './roles.ts'
import { testKey, verify, type TestKey } from './testing/keys.ts'

const root = testKey(1)
const [admin, node, client, command] = [testKey(2), testKey(3), testKey(4), testKey(5)]
const swarm = swarmIdOf(root.key)
const now = 1_800_000_000
const day = 86_400

/** Differs from key to key. */
const serialOf = ({ key }: TestKey): Uint8Array => key.slice(0, 8)

const grantOf = (
  issuer: TestKey,
  subject: TestKey,
  role: Role,
  change: Partial<Grant> = {},
): Promise<Uint8Array> =>
  signGrant(
    {
      swarm,
      subject: subject.key,
      role,
      serial: serialOf(subject),
      from: now,
      until: now + 30 * day,
      issuer: issuer.key,
      ...change,
    },
    issuer.sign,
  )

const judge = (chain: readonly Uint8Array[], subject: TestKey, revoked: readonly string[] = []) =>
  judgeChain(
    chain,
    { swarm, subject: subject.key, nowSeconds: now, isRevoked: (name) => revoked.includes(name) },
    verify,
  ).then(
    ({ role, member, until }) => ({ role, member, until }),
    (error: Error & { code?: string }) => error.code ?? error.message,
  )

const adminGrant = await grantOf(root, admin, 'admin')
const nodeChain = [await grantOf(admin, node, 'node'), adminGrant]
const clientChain = [await grantOf(node, client, 'client'), ...nodeChain]

test('the bytes of a grant never change', async () => {
  const bytes = await grantOf(root, admin, 'admin', { serial: fromHex('0001020304050607') })
  expect(toHex(bytes)).toMatchInlineSnapshot(
    `"eaae30cc848864e7ff7b44be384276b2a02653b994db92b25f78b1e38fce213471ac874447c9d331313f770bc52d2cf617a82b1b211092b9b361b3c7157bec09880150540b83f9e68a424f180e61ee24e110e658208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3946561646d696e4800010203040506071a6b49d2001a6b715f0058208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"`,
  )
  expect(bytes.length).toBe(176)
  expect(readGrant(bytes).role).toBe('admin')
})

test('a chain proves the role of its first grant, and on whose account a client acts', async () => {
  const until = now + 30 * day
  expect(await judge([adminGrant], admin)).toEqual({ role: 'admin', member: toHex(admin.key), until })
  expect(await judge(nodeChain, node)).toEqual({ role: 'node', member: toHex(node.key), until })
  expect(await judge(clientChain, client)).toEqual({ role: 'client', member: toHex(node.key), until })
  const invited = [await grantOf(admin, client, 'client'), adminGrant]
  expect(await judge(invited, client)).toEqual({ role: 'client', member: toHex(client.key), until })
})

test('a grant of a chain that ends first ends all', async () => {
  const short = await grantOf(root, admin, 'admin', { until: now + day })
  expect(await judge([nodeChain[0]!, short], node)).toMatchObject({ until: now + day })
})

test.each<[string, () => Promise<unknown>, string]>([
  ['no grant at all', () => judge([], node), 'no-grant'],
  ['the grant of another peer', () => judge(nodeChain, client), 'no-grant'],
  ['a chain that does not reach the root', () => judge(nodeChain.slice(0, 1), node), 'no-grant'],
  ['a chain with a hole', () => judge([clientChain[0]!, adminGrant], client), 'no-grant'],
  ['bytes that are no grant', () => judge([new Uint8Array(100)], node), 'no-grant'],
  [
    'a node that makes a node',
    async () => judge([await grantOf(node, client, 'node'), ...nodeChain], client),
    'no-grant',
  ],
  [
    'an admin that makes an admin',
    async () => judge([await grantOf(admin, node, 'admin'), adminGrant], node),
    'no-grant',
  ],
  [
    'a key that says it is the root',
    async () => judge([await grantOf(node, node, 'admin')], node),
    'no-grant',
  ],
  [
    'more grants than four',
    async () => {
      const fourth = [await grantOf(client, command, 'client'), ...clientChain]
      expect(await judge(fourth, command)).toMatchObject({ role: 'client' })
      return judge([await grantOf(command, root, 'client'), ...fourth], root)
    },
    'no-grant',
  ],
  [
    'a grant of another swarm',
    async () => judge([await grantOf(root, node, 'node', { swarm: new Uint8Array(16) })], node),
    'wrong-swarm',
  ],
  [
    'a grant that ended a day and a second ago',
    async () => judge([await grantOf(root, node, 'node', { until: now - day - 1 })], node),
    'expired',
  ],
  [
    'a grant that begins in a day and a second',
    async () => judge([await grantOf(root, node, 'node', { from: now + day + 1 })], node),
    'no-grant',
  ],
  ['a revoked key of an issuer', () => judge(clientChain, client, [toHex(node.key)]), 'revoked'],
  ['a revoked serial of an issuer', () => judge(clientChain, client, [toHex(serialOf(node))]), 'revoked'],
])('%s is refused', async (_name, judged, code) => {
  expect(await judged()).toBe(code)
})

test('clocks may be off by a day in either direction', async () => {
  for (const change of [{ from: now + day }, { until: now - day }])
    expect(await judge([await grantOf(root, node, 'node', change)], node)).toMatchObject({ role: 'node' })
})

test('a grant with any byte changed is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(nodeChain[0]!.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (index, difference) => {
        const changed = nodeChain[0]!.slice()
        changed[index]! ^= difference
        expect(typeof (await judge([changed, adminGrant], node))).toBe('string')
      },
    ),
    { numRuns: 100 },
  )
})

test('any bytes are a grant or a refusal', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: limits.maxGrantBytes + 8 }), async (bytes) => {
      expect(await judge([bytes], node)).toBe('no-grant')
    }),
    { numRuns: 500 },
  )
})
