import { encode } from 'cborg'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codes } from '../codes.ts'
import { encodeFrame } from '../frame.ts'
import {
  decodeGroup,
  decodeSession,
  encodeGroup,
  encodeSession,
  limits,
  type GroupMessage,
} from '../index.ts'

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const values = Float32Array.of(1, -2, 0.5, 65504)
const carries = ({ type }: GroupMessage): boolean =>
  ['group-call', 'group-part', 'group-echo', 'group-head', 'group-logits'].includes(type)

const form: GroupMessage = {
  type: 'group-form',
  request: 1,
  group: '00ff',
  manifest: 'ab',
  profile: 'int4:32',
  start: 0,
  end: 8,
  rank: 1,
  heads: [16, 16],
  columns: [4096, 4096],
  sums: [
    { bytes: 65536, algorithm: 'gather' },
    { bytes: 2097152, algorithm: 'ring' },
  ],
  peers: [
    { peer: 'a', addresses: [] },
    { peer: 'b', addresses: ['/ip4/127.0.0.1/tcp/1'] },
  ],
}

/** The bytes of version 1. What to do when they change: golden.test.ts. */
const golden: readonly (readonly [GroupMessage, string])[] = [
  [
    form,
    '4000db00ab63656e64086472616e6b016473756d7382a26562797465731a0001000069616c676f726974686d66676174686572a26562797465731a0020000069616c676f726974686d6472696e676567726f7570643030666665686561647382101065706565727382a2647065657261616961646472657373657380a2647065657261626961646472657373657381742f6970342f3132372e302e302e312f7463702f316573746172740067636f6c756d6e73821910001910006770726f66696c6567696e74343a3332677265717565737401686d616e696665737462616200',
  ],
  [{ type: 'group-connect', request: 2 }, '41000a00a16772657175657374020000'],
  [
    { type: 'group-open', request: 3, session: 7, tokenBudget: 256, start: 0, end: 8 },
    '42002e00a563656e6408657374617274006772657175657374036773657373696f6e076b746f6b656e427564676574190100000000000000',
  ],
  [{ type: 'group-truncate', session: 7, length: 12 }, '43001200a2666c656e6774680c6773657373696f6e070000'],
  [{ type: 'group-close', session: 7 }, '44000a00a16773657373696f6e070000'],
  [
    { type: 'group-done', request: 1, numericClass: 'c0ffee' },
    '45001e00a26772657175657374016c6e756d65726963436c61737366633066666565000000000000',
  ],
  [
    { type: 'group-failed', request: null, call: 9, code: 'compute-failed', message: 'no', definite: true },
    '46003900a56463616c6c0964636f64656e636f6d707574652d6661696c6564676d657373616765626e6f6772657175657374f668646566696e697465f5000000',
  ],
  [
    { type: 'group-done', request: 2, numericClass: null, lanes: true },
    '45001f00a3656c616e6573f56772657175657374026c6e756d65726963436c617373f60000000000',
  ],
  [
    { type: 'group-lane', offer: { port: 4001, identity: '00ff', key: new Uint8Array(32).fill(7) } },
    '4a003d00a3636b65795820070707070707070707070707070707070707070707070707070707070707070764706f7274190fa1686964656e74697479643030666600000000000000',
  ],
  [{ type: 'group-lane', offer: null }, '4a000100a0000000'],
  [{ type: 'group-lanes' }, '4b000100a0000000'],
  [{ type: 'group-echo', request: 5 }, '4c000a00a167726571756573740500000000803f000000c00000003f00e07f47'],
  [
    { type: 'group-head-load', request: 4, start: 64128, end: 128256 },
    '4d001c00a363656e641a0001f50065737461727419fa80677265717565737404',
  ],
  [{ type: 'group-head', request: 5 }, '4e000a00a167726571756573740500000000803f000000c00000003f00e07f47'],
  [{ type: 'group-logits', request: 5 }, '4f000a00a167726571756573740500000000803f000000c00000003f00e07f47'],
  [{ type: 'group-meet', group: '00ff', rank: 2 }, '47001200a26472616e6b026567726f757064303066660000'],
  [
    { type: 'group-call', call: 9, session: 7, position: 12, rows: 2 },
    '4800100009000000070000000c00000002000000000000000000803f000000c00000003f00e07f47',
  ],
  [
    { type: 'group-part', call: 9, sum: 31, kind: 'total', chunk: 3 },
    '49000c00090000001f000100030000000000803f000000c00000003f00e07f47',
  ],
]

test.each(golden)('$type has the bytes of version 2', (message, bytes) => {
  expect(Buffer.from(join(encodeGroup(message, carries(message) ? values : undefined))).toString('hex')).toBe(
    bytes,
  )
  const decoded = decodeGroup(new Uint8Array(Buffer.from(bytes, 'hex')))
  expect(decoded.message).toEqual(message)
  expect(decoded.payload.length).toBe(carries(message) ? values.byteLength : 0)
})

const uint32 = fc.integer({ min: 0, max: 0xffffffff })

test('calls and parts are decoded as they were encoded', () => {
  const packed = fc.oneof(
    fc.record({
      type: fc.constant('group-call' as const),
      call: uint32,
      session: uint32,
      position: uint32,
      rows: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({
      type: fc.constant('group-part' as const),
      call: uint32,
      sum: fc.integer({ min: 0, max: 0xffff }),
      kind: fc.constantFrom('partial' as const, 'total' as const),
      chunk: uint32,
    }),
  )
  fc.assert(
    fc.property(packed, (message) => {
      const carried = new Float32Array(message.type === 'group-call' ? message.rows * 3 : 5).fill(0.25)
      const { message: found, payload } = decodeGroup(join(encodeGroup(message, carried)))
      expect(found).toEqual(message)
      expect(payload.length).toBe(carried.byteLength)
    }),
  )
})

test('any bytes are decoded or refused as bad-frame', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...golden.map(([message]) => codes[message.type])),
      fc.uint8Array({ maxLength: 64 }),
      fc.object(),
      (code, noise, fields) => {
        for (const frame of [
          join([Uint8Array.of(code, 0, noise.length, 0), noise]),
          join(encodeFrame(code, JSON.parse(JSON.stringify(fields)) as Record<string, unknown>)),
        ]) {
          try {
            decodeGroup(frame)
          } catch (error) {
            expect(error).toMatchObject({ code: 'bad-frame' })
          }
        }
      },
    ),
  )
})

const { type: _, ...fields } = form
const refusals: readonly (readonly [string, Record<string, unknown>, string])[] = [
  ['a rank beyond the number of peers', { rank: 2 }, 'group-form: rank'],
  ['rank 0 for a member', { rank: 0 }, 'group-form: rank'],
  ['an empty range', { start: 8 }, 'group-form: start'],
  ['columns for another number of ranks', { columns: [1] }, 'belong together'],
  ['experts beside heads', { experts: [4, 4] }, 'belong together'],
  ['no algorithm for sums', { sums: [] }, 'belong together'],
  ['too many ranks', { heads: Array.from({ length: limits.maxRanks + 1 }, () => 1) }, 'heads has 65 items'],
  ['a fraction of a head', { heads: [1.5, 1] }, 'heads[0] must be an integer'],
  ['an unknown algorithm', { sums: [{ bytes: 1, algorithm: 'tree' }] }, 'star, gather or ring'],
  ['a peer that is not a map', { peers: ['a', 'b'] }, 'peers[0] must be a map'],
  [
    'too many addresses',
    {
      peers: [
        { peer: 'a', addresses: Array.from({ length: 17 }, () => '/') },
        { peer: 'b', addresses: [] },
      ],
    },
    'at most 16',
  ],
]

describe('group-form is refused with', () => {
  test.each(refusals)('%s', (_name, change, sentence) => {
    expect(() => decodeGroup(join(encodeFrame(codes['group-form'], { ...fields, ...change })))).toThrow(
      expect.objectContaining({ code: 'bad-frame', message: expect.stringContaining(sentence) as string }),
    )
  })
})

test('opened names the number of ranks where a stage has several', () => {
  const opened = {
    type: 'opened',
    session: 's',
    start: 0,
    epoch: 0,
    numericClass: 'c',
    incarnation: 1,
    length: 0,
    lastStep: null,
  } as const
  expect(decodeSession(join(encodeSession({ ...opened, ranks: 3 }))).message).toEqual({ ...opened, ranks: 3 })
  expect(decodeSession(join(encodeSession(opened))).message).toEqual(opened)
  expect(() => decodeSession(join(encodeSession({ ...opened, ranks: 65 })))).toThrow(
    'ranks must be an integer from 2 to 64',
  )
})

test('an echo is empty or carries float32 values up to a limit', () => {
  const of = (bytes: number): Uint8Array =>
    join([...encodeGroup({ type: 'group-echo', request: 0 }), new Uint8Array(bytes)])
  for (const bytes of [0, 4, limits.maxEchoBytes]) expect(decodeGroup(of(bytes)).payload.length).toBe(bytes)
  for (const bytes of [3, limits.maxEchoBytes + 4])
    expect(() => decodeGroup(of(bytes))).toThrow(expect.objectContaining({ code: 'bad-frame' }))
})

test('packed headers with invalid values are refused', () => {
  const call = join(encodeGroup({ type: 'group-call', call: 0, session: 0, position: 0, rows: 2 }, values))
  expect(() => decodeGroup(call.subarray(0, call.length - 4))).toThrow('are not 2 rows of float32')
  call[16] = 0
  expect(() => decodeGroup(call)).toThrow('0 rows')
  const part = join(encodeGroup({ type: 'group-part', call: 0, sum: 0, kind: 'partial', chunk: 0 }, values))
  part[10] = 2
  expect(() => decodeGroup(part)).toThrow('kind 2 is unknown')
  expect(() => encodeGroup({ type: 'group-part', call: 0, sum: 65536, kind: 'partial', chunk: 0 })).toThrow(
    '65536',
  )
  expect(() => decodeGroup(join([Uint8Array.of(0x5f, 0, 1, 0), encode({})]))).toThrow('does not fit')
  expect(() => decodeGroup(join(encodeFrame(0x5f, {})))).toThrow('unknown message type 0x5f')
})
