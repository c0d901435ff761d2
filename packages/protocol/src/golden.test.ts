import { describe, expect, test } from 'vitest'
import {
  decodeBlob,
  decodeVocabulary,
  decodeHello,
  decodeMembers,
  encodeBlob,
  encodeVocabulary,
  encodeHello,
  encodeMembers,
  protocols,
  protocolVersion,
  type BlobMessage,
  type VocabularyMessage,
  type Hello,
  type MembersMessage,
  type Refused,
} from './index.ts'

/*
 * The bytes of version 1. When one of these tests fails, peers of this release can no longer talk to earlier ones: either
 * restore the bytes, or raise `protocolVersion` and say so in the change log.
 */

const hex = (parts: readonly Uint8Array[]): string =>
  parts.map((part) => Buffer.from(part).toString('hex')).join('')
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const peer = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'
const manifest = 'ab'.repeat(32)

const hellos: [Hello | Refused, string][] = [
  [
    {
      type: 'hello',
      version: 1,
      agent: 'shoal/0.1.0',
      role: 'node',
      manifest,
      profile: 'int4:32',
      model: 'demo',
    },
    '01008c00a664726f6c65646e6f6465656167656e746b73686f616c2f302e312e30656d6f64656c6464656d6f6770726f66696c6567696e74343a33326776657273696f6e01686d616e6966657374784061626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162',
  ],
  [
    {
      type: 'hello',
      version: 1,
      agent: 'shoal/0.1.0',
      role: 'client',
      manifest: null,
      profile: null,
      model: null,
    },
    '01004200a664726f6c6566636c69656e74656167656e746b73686f616c2f302e312e30656d6f64656cf66770726f66696c65f66776657273696f6e01686d616e6966657374f60000',
  ],
  [
    {
      type: 'hello',
      version: 1,
      agent: 'shoal/0.1.0',
      role: 'node',
      manifest,
      profile: 'int4:32',
      model: 'demo',
      fetchedBytes: 1048576,
    },
    '01009e00a764726f6c65646e6f6465656167656e746b73686f616c2f302e312e30656d6f64656c6464656d6f6770726f66696c6567696e74343a33326776657273696f6e01686d616e69666573747840616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626c6665746368656442797465731a00100000000000000000',
  ],
  [
    { type: 'refused', code: 'wrong-manifest', message: 'not this swarm', definite: true },
    '02003600a364636f64656e77726f6e672d6d616e6966657374676d6573736167656e6e6f74207468697320737761726d68646566696e697465f5000000000000',
  ],
]

const memberships: [MembersMessage, string][] = [
  [
    { type: 'words', pushed: true, words: [bytes('01020304'), bytes('0a')] },
    '23000900a166707573686564f500000004000102030401000a',
  ],
  [
    { type: 'statements', pushed: false, statements: [bytes('0102')] },
    '27000900a166707573686564f400000002000102',
  ],
  [
    { type: 'roll', salt: 7, answer: true, hashes: Uint32Array.of(1) },
    '28000f00a26473616c740766616e73776572f5000000000001000000',
  ],
  [{ type: 'prune', lazy: true }, '29000700a1646c617a79f50000000000'],
  [{ type: 'proof', words: [bytes('01'), bytes('02')] }, '26000100a0000000010001010002'],
  [
    { type: 'vector', swarm: manifest, salt: 7, answer: false, hashes: Uint32Array.of(1, 0xfffefdfc) },
    '24005700a36473616c740765737761726d78406162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616266616e73776572f4000000000001000000fcfdfeff',
  ],
  [
    { type: 'want', owner: peer },
    '25003d00a1656f776e65727834313244334b6f6f57475255664a4c366d784369356b433648444136766774783771416f4135724342704d77354864724c5a366d3100000000000000',
  ],
  [
    {
      type: 'beat',
      incarnation: 2 ** 32 + 7,
      beat: 1000,
      wants: true,
      asks: false,
      answers: false,
      yields: false,
      lives: 1,
      known: 2,
      sessions: 3,
      busyPermille: 999,
      loads: [{ peer: 9, sessions: 1, busyPermille: 500 }],
      words: [bytes('0a0b')],
    },
    '22000100a00000000100000007000000e803000001000000020000000300e7030101090000000100f40102000a0b',
  ],
]

const blobs: [BlobMessage, Uint8Array, string][] = [
  [
    { type: 'get', request: 1, blob: manifest, offset: 0, length: 1048576 },
    bytes(''),
    '30006500a464626c6f62784061626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162666c656e6774681a00100000666f66667365740067726571756573740100000000000000',
  ],
  [
    { type: 'chunk', request: 1, offset: 4294967296, total: 4294967299 },
    bytes('0a0b0c'),
    '31002900a365746f74616c1b0000000100000003666f66667365741b00000001000000006772657175657374010000000a0b0c',
  ],
  [
    { type: 'no-blob', request: 1, code: 'not-found', message: 'nobody has it' },
    bytes(''),
    '32002f00a364636f6465696e6f742d666f756e64676d6573736167656d6e6f626f6479206861732069746772657175657374010000000000',
  ],
]

const vocabularies: [VocabularyMessage, Uint8Array, string][] = [
  [
    { type: 'embed', request: 1, rows: 2 },
    bytes('030000000f000000'),
    '70001000a264726f77730267726571756573740100000000030000000f000000',
  ],
  [
    { type: 'logits', request: 3, rows: 1, best: 40 },
    bytes('0000803f000000400000404000008040'),
    '71001700a36462657374182864726f77730167726571756573740300000000000000803f000000400000404000008040',
  ],
  [
    { type: 'vocabulary-rows', request: 1, rows: 2 },
    bytes('0000404000004040000040400000404000007041000070410000704100007041'),
    '72001000a264726f777302677265717565737401000000000000404000004040000040400000404000007041000070410000704100007041',
  ],
  [
    {
      type: 'vocabulary-failed',
      request: 3,
      code: 'no-capacity',
      message: 'this peer could not compute the head',
    },
    bytes(''),
    '73004900a364636f64656b6e6f2d6361706163697479676d657373616765782474686973207065657220636f756c64206e6f7420636f6d70757465207468652068656164677265717565737403000000',
  ],
]

describe('the bytes of version 3', () => {
  test('the protocol ids', () => {
    expect(protocolVersion).toBe(3)
    expect(protocols).toEqual({
      hello: '/shoal/hello',
      session: '/shoal/session/3',
      members: '/shoal/members/3',
      blobs: '/shoal/blobs/3',
      group: '/shoal/group/3',
      vocabulary: '/shoal/vocabulary/3',
      audit: '/shoal/audit/3',
      charter: '/shoal/charter/3',
      pair: '/shoal/pair/3',
      dialBack: '/shoal/dial-back/3',
      direct: '/shoal/direct/3',
      punch: '/shoal/punch/3',
    })
  })
  test.each(hellos)('$type', (message, golden) => {
    expect(hex(encodeHello(message))).toBe(golden)
    expect(decodeHello(bytes(golden))).toEqual(message)
  })
  test.each(memberships)('$type', (message, golden) => {
    expect(hex(encodeMembers(message))).toBe(golden)
    expect(decodeMembers(bytes(golden))).toEqual(message)
  })
  test.each(blobs)('$type', (message, payload, golden) => {
    expect(hex(encodeBlob(message, payload))).toBe(golden)
    expect(decodeBlob(bytes(golden))).toEqual({ message, payload })
  })
  test.each(vocabularies)('$type', (message, payload, golden) => {
    expect(hex(encodeVocabulary(message, payload))).toBe(golden)
    expect(decodeVocabulary(bytes(golden))).toEqual({ message, payload })
  })
})
