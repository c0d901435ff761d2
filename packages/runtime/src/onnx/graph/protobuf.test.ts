import { expect, test } from 'vitest'
import { encodeMessage, type ProtobufWriter } from './protobuf.ts'

/** Bytes as the protobuf encoding guide gives them. */
const cases: readonly (readonly [string, (writer: ProtobufWriter) => void, string])[] = [
  ['a varint of two bytes', (writer) => writer.integer(1, 150), '089601'],
  ['zero', (writer) => writer.integer(1, 0), '0800'],
  ['a negative integer', (writer) => writer.integer(1, -1), '08ffffffffffffffffff01'],
  ['an integer beyond 32 bits', (writer) => writer.integer(1, 2 ** 40), '08808080808020'],
  ['a field number above 15', (writer) => writer.integer(20, 1), 'a00101'],
  ['text', (writer) => writer.text(2, 'testing'), '120774657374696e67'],
  ['a float', (writer) => writer.float(2, 1), '150000803f'],
  ['bytes', (writer) => writer.bytes(9, Uint8Array.of(1, 2)), '4a020102'],
  ['a message in a message', (writer) => writer.message(3, (inner) => inner.integer(1, 150)), '1a03089601'],
  ['nothing', () => undefined, ''],
]

test.each(cases)('encodes %s', (_, write, hex) => {
  expect(Buffer.from(encodeMessage(write)).toString('hex')).toBe(hex)
})
