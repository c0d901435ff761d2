import { describe, expect, test } from 'vitest'
import { codes } from './codes.ts'
import { encodeFrame, type FrameParts } from './frame.ts'
import {
  decodeBlob,
  decodeHello,
  decodeMembers,
  decodeSession,
  encodeSession,
  hiddenRows,
  limits,
} from './index.ts'

const join = (parts: FrameParts): Uint8Array => new Uint8Array(Buffer.concat(parts))
const frame = (type: keyof typeof codes, fields: Record<string, unknown>, payload?: Uint8Array): Uint8Array =>
  join(encodeFrame(codes[type], fields, payload))
const refused = (run: () => unknown, sentence: string): void => {
  expect(run).toThrow(expect.objectContaining({ code: 'bad-frame', definite: true }))
  expect(run).toThrow(sentence)
}

const hello = { version: 1, agent: 'shoal/0.1.0', role: 'node', manifest: null, profile: null, model: null }
const next = { peer: 'p', addresses: ['/ip4/127.0.0.1/tcp/1'], coordinator: false }
const open = {
  session: 's',
  manifest: 'm',
  profile: 'f32',
  start: 0,
  end: 1,
  epoch: 0,
  tokenBudget: 1,
  wire: 'f32',
  previous: 'p',
  next,
}
const failed = {
  session: 's',
  start: 0,
  epoch: 0,
  step: null,
  code: 'internal',
  message: '',
  definite: false,
}
const get = { request: 1, blob: 'manifest', offset: 0, length: 1 }
const chunk = { request: 1, offset: 0, total: 1 }
const step = {
  type: 'step',
  session: 's',
  start: 0,
  epoch: 0,
  position: 0,
  rows: 2,
  step: 0,
  rewind: false,
  want: 'none',
} as const

describe('a message is refused that', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['lacks a field', { agent: undefined }, 'hello: agent'],
    ['has text where a number belongs', { version: '1' }, 'hello: version must be an integer'],
    ['has a fraction', { version: 1.5 }, 'hello: version must be an integer'],
    ['has a negative number', { version: -1 }, 'hello: version must be an integer'],
    ['has a number beyond the safe integers', { version: 2n ** 60n }, 'hello: version must be an integer'],
    ['has a name that is too long', { agent: 'a'.repeat(limits.maxNameLength + 1) }, 'at most 256'],
    ['has an unknown choice', { role: 'boss' }, 'hello: role must be one of node, client'],
    ['has an id with a space', { manifest: 'a b' }, 'hello: manifest must be 1 to 64 printable characters'],
    ['has an empty id', { manifest: '' }, 'hello: manifest'],
    ['has an id that is too long', { manifest: 'a'.repeat(65) }, 'hello: manifest'],
  ])('%s', (_, change, sentence) => {
    refused(() => decodeHello(frame('hello', { ...hello, ...change })), sentence)
  })
  test.each<[string, Record<string, unknown>, string]>([
    ['has an empty range', { start: 1 }, 'open: start must be an integer from 0 to 0'],
    ['has too many blocks', { end: limits.maxBlocks + 1 }, 'open: end'],
    ['has no room for a token', { tokenBudget: 0 }, 'open: tokenBudget'],
    ['asks for an unknown wire type', { wire: 'int4' }, 'open: wire must be one of f32'],
    ['has no next hop', { next: null }, 'open: next must be a map'],
    ['has a list for a next hop', { next: [] }, 'open: next must be a map'],
    [
      'has too many addresses',
      { next: { ...next, addresses: Array.from({ length: 17 }, () => '/') } },
      'open.next: addresses has 17 items',
    ],
    [
      'has an address that is too long',
      { next: { ...next, addresses: ['/'.repeat(513)] } },
      'open.next: addresses[0] has 513',
    ],
    [
      'has an address that is not text',
      { next: { ...next, addresses: [7] } },
      'open.next: addresses[0] must be text',
    ],
    [
      'has a number for a flag',
      { next: { ...next, coordinator: 1 } },
      'open.next: coordinator must be true or false',
    ],
  ])('opens a session and %s', (_, change, sentence) => {
    refused(() => decodeSession(frame('open', { ...open, ...change })), sentence)
  })
  test('has a payload although its type has none', () => {
    refused(() => decodeSession(frame('open', open, new Uint8Array(8))), 'open: 8 unexpected bytes')
    refused(() => decodeHello(frame('hello', hello, new Uint8Array(1))), 'hello: 1 unexpected bytes')
  })
  test('belongs to another protocol', () => {
    refused(() => decodeSession(frame('hello', hello)), 'unknown message type 0x01')
    refused(() => decodeHello(frame('failed', failed)), 'unknown message type 0x14')
  })
  test('has a duplicate key', () => {
    const header = Buffer.from('a26773657373696f6e61736773657373696f6e6174', 'hex')
    const bytes = new Uint8Array(4 + header.length + (8 - ((4 + header.length) % 8)))
    bytes.set([codes.close, 0, header.length, 0])
    bytes.set(header, 4)
    refused(() => decodeSession(bytes), 'close: the header is not CBOR')
  })
  test('has a header that is not a map', () => {
    for (const value of [7, 'text', [1], null, new Uint8Array(2)])
      refused(() => decodeMembers(frame('prune', value as never)), 'must be a map')
  })
  test.each<[string, (bytes: Uint8Array) => void, string]>([
    ['an incarnation that is no safe integer', (bytes) => bytes.fill(255, 0, 4), 'safe integer'],
    ['a busy share above 1000', (bytes) => bytes.fill(255, 22, 24), 'busyPermille'],
    ['more loads than bytes', (bytes) => bytes.fill(1, 25, 26), '1 loads are too many for 26 bytes'],
    ['too many loads', (bytes) => bytes.fill(9, 25, 26), '9 loads are too many'],
  ])('is a beat with %s', (_, change, sentence) => {
    const bytes = new Uint8Array(26)
    change(bytes)
    refused(() => decodeMembers(frame('beat', {}, bytes)), sentence)
  })
  test('is a beat that is cut', () => {
    refused(() => decodeMembers(frame('beat', {}, new Uint8Array(25))), '25 bytes are shorter than 26')
  })
  test.each<[string, 'words' | 'proof' | 'vector' | 'statements', Uint8Array, string]>([
    ['words over the limit', 'words', new Uint8Array(limits.maxWordsBytes + 1), 'over the limit'],
    ['an empty word', 'words', Uint8Array.of(0, 0), 'not an allowed length'],
    ['a word that is cut', 'words', Uint8Array.of(2, 0, 1), 'not an allowed length'],
    ['a length that is cut', 'words', Uint8Array.of(2), 'a length is cut'],
    ['a word over its limit', 'words', longWord(), 'not an allowed length'],
    ['a proof of one word', 'proof', Uint8Array.of(1, 0, 7), '1 words where two are needed'],
    ['a statement over its limit', 'statements', Uint8Array.of(0x81, 1), 'not an allowed length'],
    ['a hash that is cut', 'vector', new Uint8Array(6), 'hashes'],
    ['more hashes than members', 'vector', new Uint8Array(4 * limits.maxMembers + 4), 'hashes'],
  ])('holds %s', (_, type, payload, sentence) => {
    refused(
      () => decodeMembers(frame(type, { swarm: 's', salt: 1, answer: false, pushed: false }, payload)),
      sentence,
    )
  })
  test.each<[string, Record<string, unknown>, string]>([
    ['a name that is neither the manifest nor a hash', { blob: 'A'.repeat(64) }, 'get: blob must be'],
    ['a length of zero', { length: 0 }, 'get: length'],
    ['a length above that of a chunk', { length: limits.blobChunkBytes + 1 }, 'get: length'],
  ])('asks for a blob by %s', (_, change, sentence) => {
    refused(() => decodeBlob(frame('get', { ...get, ...change })), sentence)
  })
  test('is a chunk that exceeds its blob or the largest chunk', () => {
    refused(() => decodeBlob(frame('chunk', chunk, new Uint8Array(2))), 'chunk: 2 bytes at 0 of 1')
    refused(() => decodeBlob(frame('chunk', { ...chunk, offset: 2 })), 'chunk: offset')
    refused(
      () =>
        decodeBlob(frame('chunk', { ...chunk, total: 2 ** 40 }, new Uint8Array(limits.blobChunkBytes + 1))),
      'too many',
    )
  })
})

describe('a hand-over is refused that', () => {
  const successor = { peer: 'p', addresses: [], start: 0, end: 1 }
  const handOver = { session: 's', start: 0, epoch: 1, to: [successor] }
  test.each<[string, Record<string, unknown>, string]>([
    [
      'names too many successors',
      { to: Array.from({ length: 17 }, () => successor) },
      'hand-over: to has 17 items',
    ],
    ['has no list of successors', { to: successor }, 'hand-over: to must be a list'],
    ['names a number as a successor', { to: [7] }, 'hand-over: to[0] has no peer id'],
    [
      'has a successor without a peer id',
      { to: [{ ...successor, peer: '' }] },
      'hand-over: to[0] has no peer id',
    ],
    ['has a successor without blocks', { to: [{ ...successor, end: 0 }] }, 'hand-over: to[0] has no blocks'],
    [
      'has a successor with more blocks than a model may have',
      { to: [{ ...successor, end: limits.maxBlocks + 1 }] },
      'hand-over: to[0] has no blocks',
    ],
    [
      'has a successor with too many addresses',
      { to: [{ ...successor, addresses: Array.from({ length: 17 }, () => '/') }] },
      'hand-over: to[0] has no list',
    ],
    [
      'has a successor with an address that is too long',
      { to: [{ ...successor, addresses: ['/'.repeat(513)] }] },
      'hand-over: to[0] address has 513',
    ],
  ])('%s', (_, change, sentence) => {
    refused(() => decodeSession(frame('hand-over', { ...handOver, ...change })), sentence)
  })
  test.each([0, 6, 12])('has %d bytes of keys and values for two rows', (length) => {
    const fields = { session: 's', start: 0, epoch: 1, position: 0, rows: 2, journal: false }
    refused(
      () => decodeSession(frame('key-values', fields, new Uint8Array(length))),
      `key-values: ${length} bytes are not 2 rows`,
    )
    refused(
      () =>
        decodeSession(frame('key-values', { ...fields, rows: limits.maxRowsPerStep + 1 }, new Uint8Array(8))),
      'key-values: rows',
    )
  })
})

describe('hidden states are refused that', () => {
  test.each([0, 1, 7, 12])('have %d bytes for two rows', (length) => {
    const [head] = encodeSession(step)
    refused(
      () => decodeSession(join([head ?? new Uint8Array(0), new Uint8Array(length)])),
      `step: ${length} bytes are not 2 rows`,
    )
  })
  test('have another hidden size', () => {
    refused(
      () => hiddenRows(new Uint8Array(32), 2, 5),
      '2 rows of hidden size 5 are 40 bytes, the payload has 32',
    )
  })
  test('have no rows or more than a step may have', () => {
    refused(() => decodeSession(join(encodeSession({ ...step, rows: 0 }))), 'rows must be at least 1')
    refused(
      () =>
        decodeSession(
          join(encodeSession({ ...step, rows: limits.maxRowsPerStep + 1 }, new Float32Array(513))),
        ),
      'rows are over the limit',
    )
  })
  test('have a header field that does not fit', () => {
    const over = expect.objectContaining({ code: 'limit-exceeded' })
    expect(() => encodeSession({ ...step, position: 2 ** 32 })).toThrow(over)
    expect(() => encodeSession({ ...step, session: 's'.repeat(65) })).toThrow(over)
    expect(() => encodeSession({ ...step, session: '' })).toThrow(over)
    expect(() => encodeSession({ ...step, start: limits.maxBlocks })).toThrow(over)
  })
})

/** A list of one string that is a byte too long for a word. */
function longWord(): Uint8Array {
  const bytes = new Uint8Array(limits.maxWordBytes + 3)
  bytes[0] = (limits.maxWordBytes + 1) & 0xff
  bytes[1] = (limits.maxWordBytes + 1) >>> 8
  return bytes
}
