import { encode } from 'cborg'
import * as fc from 'fast-check'
import { createVirtualClock, seededRandom, ShoalError } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { expect, test } from 'vitest'
import { hardwareRules, openHardware, sealHardware, type HardwareRecord } from './hardware-record.ts'
import type { MemberRecord } from './record.ts'
import { signedBytes } from './seal.ts'
import { noPrev, sealWord } from '../words/word.ts'

const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
const alice = network.createTransport('alice')
const bob = network.createTransport('bob')
const verify = alice.verify.bind(alice)

const member: MemberRecord = {
  peerId: 'alice',
  incarnation: 5,
  seq: 3,
  state: 'serving',
  span: { start: 2, end: 4 },
  hardware: {
    memoryBytes: 1 << 30,
    decodeMicrosPerBlock: 900,
    prefillMicrosPerRowBlock: 90,
    bandwidthBytesPerSecond: 0,
    device: 'cpu',
    threads: 2,
  },
  numericClass: 'c'.repeat(64),
  addresses: ['/ip4/10.0.0.1/tcp/4001/p2p/alice'],
  version: 'shoal/0.1.0',
  links: { bob: 300 },
  rates: { bob: 1_000_000 },
}
const record: HardwareRecord = { manifest: 'a'.repeat(64), model: 'demo', profile: 'f32', member }
const codeOf = (error: unknown): string => (error instanceof ShoalError ? error.code : String(error))

/** Signed as alice would, with whatever fields. */
async function forge(fields: Record<string, unknown>, manifest = record.manifest): Promise<Uint8Array> {
  const body = encode(fields)
  return Uint8Array.from([...(await alice.sign(signedBytes('hardware', manifest, body))), ...body])
}
const memberBytes = (changes: Partial<MemberRecord> = {}): Uint8Array => encode({ ...member, ...changes })

test('a hardware record holds the measurements, but no links', async () => {
  const bytes = await sealHardware(alice, record)
  const { rates: _rates, ...rest } = member
  expect(await openHardware('alice', bytes, verify)).toEqual({
    ...record,
    member: { ...rest, links: {} },
  })
  expect(await hardwareRules.order('alice', bytes, verify)).toEqual({ incarnation: 5, seq: 3 })
  expect(bytes.length).toBeLessThan(600)
})

test('the hardware record of a leader holds its own hardware, and nothing about its group', async () => {
  const bytes = await sealHardware(alice, {
    ...record,
    member: {
      ...member,
      machine: 'desk',
      group: { ranks: ['bob'], speeds: [16, 16], alone: member.hardware },
      hardware: { ...member.hardware, decodeMicrosPerBlock: 500 },
    },
  })
  const { rates: _rates, ...rest } = member
  expect((await openHardware('alice', bytes, verify)).member).toEqual({ ...rest, links: {} })
})

test('the longest record fits the directory', async () => {
  const long = {
    ...member,
    addresses: Array.from(
      { length: 16 },
      (_, index) => `/ip6/fd00:1234:5678:9abc:def0:1234:5678:${index}/tcp/65535/p2p/${'Q'.repeat(300)}`,
    ),
    version: 'v'.repeat(128),
  }
  const bytes = await sealHardware(alice, {
    manifest: 'a'.repeat(64),
    model: 'm'.repeat(256),
    profile: 'p'.repeat(64),
    member: long,
  })
  expect(bytes.length).toBeLessThan(4096)
  expect((await openHardware('alice', bytes, verify)).member.addresses).toHaveLength(8)
})

test.each([
  ['of another owner', () => sealHardware(bob, record), 'bad-frame'],
  [
    'under another name',
    () => sealHardware(alice, { ...record, member: { ...member, peerId: 'bob' } }),
    'bad-frame',
  ],
  [
    'of a later format',
    () => forge({ v: 2, manifest: record.manifest, model: 'demo', profile: 'f32', member: memberBytes() }),
    'wrong-version',
  ],
  [
    'without a format',
    () => forge({ manifest: record.manifest, model: 'demo', profile: 'f32', member: memberBytes() }),
    'bad-frame',
  ],
  [
    'signed for another manifest',
    () =>
      forge(
        { v: 1, manifest: record.manifest, model: 'demo', profile: 'f32', member: memberBytes() },
        'b'.repeat(64),
      ),
    'bad-frame',
  ],
  [
    'without a manifest',
    () => forge({ v: 1, model: 'demo', profile: 'f32', member: memberBytes() }),
    'bad-frame',
  ],
  [
    'with a name that is too long',
    () =>
      forge({
        v: 1,
        manifest: record.manifest,
        model: 'm'.repeat(257),
        profile: 'f32',
        member: memberBytes(),
      }),
    'bad-frame',
  ],
  [
    'with a damaged member record',
    () =>
      forge({ v: 1, manifest: record.manifest, model: 'demo', profile: 'f32', member: new Uint8Array(3) }),
    'bad-frame',
  ],
  [
    'with an empty span',
    () =>
      forge({
        v: 1,
        manifest: record.manifest,
        model: 'demo',
        profile: 'f32',
        member: memberBytes({ span: { start: 4, end: 4 } }),
      }),
    'bad-frame',
  ],
  [
    'that is a word',
    async () =>
      (
        await sealWord(alice, record.manifest, {
          owner: 'alice',
          incarnation: 5,
          seq: 1,
          generation: 0,
          kind: 'snapshot',
          prev: noPrev,
          update: new Uint8Array(2),
        })
      ).bytes,
    'bad-frame',
  ],
  ['that is empty', async () => new Uint8Array(0), 'bad-frame'],
])('a record %s is refused', async (_name, make, code) => {
  const opened = openHardware('alice', await make(), verify)
  expect(await opened.then(() => 'taken', codeOf)).toBe(code)
})

test('fields of later releases are ignored', async () => {
  const bytes = await forge({
    v: 1,
    manifest: record.manifest,
    model: 'demo',
    profile: 'f32',
    member: memberBytes(),
    mood: 'good',
  })
  expect((await openHardware('alice', bytes, verify)).model).toBe('demo')
})

test('damaged and random bytes are refused with a ShoalError', async () => {
  const good = await sealHardware(alice, record)
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = good.map((byte, index) => (index === at ? byte ^ flip : byte))
      expect(await openHardware('alice', bytes, verify).then(() => 'taken', codeOf)).toMatch(
        /^(bad-frame|wrong-version)$/,
      )
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      expect(await openHardware('alice', bytes, verify).then(() => 'taken', codeOf)).toMatch(
        /^(bad-frame|wrong-version)$/,
      )
    }),
  )
})
