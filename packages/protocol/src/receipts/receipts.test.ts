import { createHash, generateKeyPairSync, sign as signWith, verify as verifyWith } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeEvidence,
  encodeEvidence,
  openReceipt,
  readReceipt,
  receiptLimits,
  RowChain,
  sealReceipt,
  type HashPair,
  type Receipt,
} from '../index.ts'

const hash: HashPair = (one, other) => createHash('sha256').update(one).update(other).digest()
const columns = 3
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const sign = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(signWith(null, bytes, privateKey))
const verify = async (_peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> =>
  verifyWith(null, bytes, publicKey, signature)

const receipt: Receipt = {
  manifest: 'ab'.repeat(32),
  numericClass: 'c0ffee',
  peer: '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1',
  incarnation: 7,
  session: '0123456789abcdef0123456789abcdef',
  epoch: 1,
  start: 4,
  end: 8,
  position: 128,
  rows: 64,
  in: new Uint8Array(32).fill(1),
  out: new Uint8Array(32).fill(2),
}

test('a sealed receipt opens to what was sealed, and any changed bit of it opens to nothing', async () => {
  const bytes = await sealReceipt(receipt, sign)
  expect(await openReceipt(bytes, verify)).toEqual({ receipt, bytes })
  expect(bytes.length).toBeLessThan(receiptLimits.maxReceiptBytes)
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = bytes.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(await openReceipt(changed, verify)).toBeNull()
  }
})

test('the largest receipt fits its limit', async () => {
  const id = 'x'.repeat(64)
  const most = Number.MAX_SAFE_INTEGER
  const large: Receipt = {
    ...receipt,
    manifest: id,
    numericClass: id,
    peer: id,
    session: id,
    incarnation: most,
    epoch: most,
    start: most,
    end: most,
    position: most,
    rows: most,
  }
  expect(readReceipt(await sealReceipt(large, sign))).toEqual(large)
})

test('random bytes are refused with a typed error and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
      expect(await openReceipt(bytes, verify)).toBeNull()
      expect(() => decodeEvidence(bytes)).toThrow(expect.objectContaining({ code: 'bad-frame' }))
    }),
  )
})

test('evidence is read as it was written, and has as many receipts as its kind needs', async () => {
  const bytes = await sealReceipt(receipt, sign)
  const two = { kind: 'two-receipts', receipts: [bytes, bytes] } as const
  const four = { kind: 'wrong-output', receipts: [bytes, bytes, bytes, bytes] } as const
  expect(decodeEvidence(encodeEvidence(two))).toEqual(two)
  expect(decodeEvidence(encodeEvidence(four))).toEqual(four)
  for (const kind of ['two-receipts', 'wrong-output'] as const)
    expect(() => decodeEvidence(encodeEvidence({ kind, receipts: [bytes] }))).toThrow(/receipts/)
})

test('a running hash depends on the rows and their order, not on their grouping, and a rewind goes back to it', () => {
  const rows = fc.array(fc.tuple(fc.float(), fc.float(), fc.float()), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(rows, fc.array(fc.nat(6), { maxLength: 40 }), fc.nat(39), (values, groups, cut) => {
      const all = Float32Array.from(values.flat())
      const whole = new RowChain(columns, hash)
      whole.append(all)
      const grouped = new RowChain(columns, hash)
      for (const size of [...groups, values.length]) {
        const from = grouped.length
        grouped.append(all.subarray(from * columns, Math.min(values.length, from + size) * columns))
      }
      const at = Math.min(cut, values.length)
      const before = grouped.at(at)
      grouped.truncate(at)
      grouped.append(new Float32Array(columns).fill(7))
      expect(grouped.length).toBe(at + 1)
      grouped.truncate(at)
      grouped.append(all.subarray(at * columns))
      expect(grouped.at(values.length)).toEqual(whole.at(values.length))
      expect(whole.at(at)).toEqual(before)
    }),
  )
})

test('the running hash is sha256 of the hash before and the row', () => {
  const chain = new RowChain(1, hash)
  chain.append(Float32Array.of(1, 2))
  const row = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer)
  const first = hash(new Uint8Array(32), row(1))
  expect(chain.at(0)).toEqual(new Uint8Array(32))
  expect([...chain.at(2)]).toEqual([...hash(first, row(2))])
  expect(() => chain.at(3)).toThrow(RangeError)
})
