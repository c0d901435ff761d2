import { describe, expect, test } from 'vitest'
import {
  decodeBeatBody,
  decodeBlob,
  decodeHello,
  decodeMembers,
  decodeSession,
  encodeBeatBody,
  encodeBlob,
  encodeHello,
  encodeMembers,
  encodeSession,
  protocols,
  protocolVersion,
  type BlobMessage,
  type Hello,
  type MembersMessage,
  type Refused,
  type SessionMessage,
} from './index.ts'

/*
 * The bytes of version 1. When one of these tests fails, peers of this release can no longer talk to those before:
 * raise `protocolVersion` and say so in the change log, or put the bytes back.
 */

const hex = (parts: readonly Uint8Array[]): string => parts.map((part) => Buffer.from(part).toString('hex')).join('')
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const session = '0123456789abcdef0123456789abcdef'
const peer = '12D3KooWGRUfJL6mxCi5kC6HDA6vgtx7qAoA5rCBpMw5HdrLZ6m1'
const manifest = 'ab'.repeat(32)
const hidden = new Float32Array([1, -2, 0.5, 65504])

const hellos: [Hello | Refused, string][] = [
  [{ type: 'hello', version: 1, agent: 'shoal/0.1.0', role: 'node', manifest, profile: 'int4:32', model: 'demo' }, '01008c00a664726f6c65646e6f6465656167656e746b73686f616c2f302e312e30656d6f64656c6464656d6f6770726f66696c6567696e74343a33326776657273696f6e01686d616e6966657374784061626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162'],
  [{ type: 'hello', version: 1, agent: 'shoal/0.1.0', role: 'client', manifest: null, profile: null, model: null }, '01004200a664726f6c6566636c69656e74656167656e746b73686f616c2f302e312e30656d6f64656cf66770726f66696c65f66776657273696f6e01686d616e6966657374f60000'],
  [{ type: 'refused', code: 'wrong-manifest', message: 'not this swarm', definite: true }, '02003600a364636f64656e77726f6e672d6d616e6966657374676d6573736167656e6e6f74207468697320737761726d68646566696e697465f5000000000000'],
]

const sessions: [SessionMessage, string][] = [
  [
    {
      type: 'open',
      session,
      manifest,
      profile: 'f32',
      start: 4,
      end: 8,
      epoch: 1,
      tokenBudget: 256,
      wire: 'f32',
      previous: peer,
      next: { peer, addresses: [`/ip4/127.0.0.1/tcp/4001/p2p/${peer}`], coordinator: true },
    },
    '10009701aa63656e6408646e657874a364706565727834313244334b6f6f57475255664a4c366d784369356b433648444136766774783771416f4135724342704d77354864724c5a366d31696164647265737365738178502f6970342f3132372e302e302e312f7463702f343030312f7032702f313244334b6f6f57475255664a4c366d784369356b433648444136766774783771416f4135724342704d77354864724c5a366d316b636f6f7264696e61746f72f56477697265636633326565706f636801657374617274046770726f66696c65636633326773657373696f6e78203031323334353637383961626364656630313233343536373839616263646566686d616e69666573747840616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626870726576696f75737834313244334b6f6f57475255664a4c366d784369356b433648444136766774783771416f4135724342704d77354864724c5a366d316b746f6b656e4275646765741901000000000000',
  ],
  [{ type: 'opened', session, start: 4, epoch: 1, numericClass: 'c0ffee', incarnation: 7, length: 77, lastStep: null }, '11006d00a76565706f63680165737461727404666c656e677468184d6773657373696f6e78203031323334353637383961626364656630313233343536373839616263646566686c61737453746570f66b696e6361726e6174696f6e076c6e756d65726963436c6173736663306666656500000000000000'],
  [{ type: 'step', session, start: 4, epoch: 1, position: 77, rows: 2, step: 3, rewind: true, want: 'last' }, '12003400010000004d00000002000000030000000400032030313233343536373839616263646566303132333435363738396162636465660000803f000000c00000003f00e07f47'],
  [{ type: 'result', session, epoch: 1, position: 77, rows: 2, step: 3 }, '13003400010000004d00000002000000030000000000002030313233343536373839616263646566303132333435363738396162636465660000803f000000c00000003f00e07f47'],
  [{ type: 'failed', session, start: 4, epoch: 1, step: null, code: 'no-capacity', message: 'full', definite: true }, '14006700a764636f64656b6e6f2d63617061636974796473746570f66565706f63680165737461727404676d6573736167656466756c6c6773657373696f6e7820303132333435363738396162636465663031323334353637383961626364656668646566696e697465f50000000000'],
  [{ type: 'close', session, start: null }, '15003200a2657374617274f66773657373696f6e782030313233343536373839616263646566303132333435363738396162636465660000'],
  [{ type: 'keep-alive' }, '16000100a0000000'],
  [{ type: 'replay', session, start: 4, epoch: 2, length: 300, from: 77, settled: 76 }, '17005400a66466726f6d184d6565706f63680265737461727404666c656e67746819012c6773657373696f6e7820303132333435363738396162636465663031323334353637383961626364656667736574746c6564184c'],
]

const memberships: [MembersMessage, string][] = [
  [{ type: 'state', document: `${manifest}/0`, stateVector: bytes('01020304') }, '20004e00a168646f63756d656e747842616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261622f3000000000000001020304'],
  [{ type: 'update', document: `${manifest}/0`, update: bytes('0a0b0c') }, '21004e00a168646f63756d656e747842616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261622f300000000000000a0b0c'],
  [{ type: 'beat', peer, body: bytes('a0'), signature: bytes('5a'.repeat(64)) }, '22008f00a364626f647941a064706565727834313244334b6f6f57475255664a4c366d784369356b433648444136766774783771416f4135724342704d77354864724c5a366d31697369676e617475726558405a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a0000000000'],
]

const blobs: [BlobMessage, Uint8Array, string][] = [
  [{ type: 'get', request: 1, blob: manifest, offset: 0, length: 1048576 }, bytes(''), '30006500a464626c6f62784061626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162666c656e6774681a00100000666f66667365740067726571756573740100000000000000'],
  [{ type: 'chunk', request: 1, offset: 4294967296, total: 4294967299 }, bytes('0a0b0c'), '31002900a365746f74616c1b0000000100000003666f66667365741b00000001000000006772657175657374010000000a0b0c'],
  [{ type: 'no-blob', request: 1, code: 'not-found', message: 'nobody has it' }, bytes(''), '32002f00a364636f6465696e6f742d666f756e64676d6573736167656d6e6f626f6479206861732069746772657175657374010000000000'],
]

describe('the bytes of version 1', () => {
  test('protocol ids', () => {
    expect(protocolVersion).toBe(1)
    expect(protocols).toEqual({ hello: '/shoal/hello', session: '/shoal/session/1', members: '/shoal/members/1', blobs: '/shoal/blobs/1', group: '/shoal/group/1' })
  })
  test.each(hellos)('$type', (message, golden) => {
    expect(hex(encodeHello(message))).toBe(golden)
    expect(decodeHello(bytes(golden))).toEqual(message)
  })
  test.each(sessions)('$type', (message, golden) => {
    const carries = message.type === 'step' || message.type === 'result'
    expect(hex(encodeSession(message, carries ? hidden : undefined))).toBe(golden)
    expect(decodeSession(bytes(golden)).message).toEqual(message)
  })
  test.each(memberships)('$type', (message, golden) => {
    expect(hex(encodeMembers(message))).toBe(golden)
    expect(decodeMembers(bytes(golden))).toEqual(message)
  })
  test('beat body', () => {
    const body = { incarnation: 7, beat: 1000, sessions: 3, busyPermille: 999 }
    const golden = 'a464626561741903e86873657373696f6e73036b696e6361726e6174696f6e076c627573795065726d696c6c651903e7'
    expect(hex([encodeBeatBody(body)])).toBe(golden)
    expect(decodeBeatBody(bytes(golden))).toEqual(body)
  })
  test.each(blobs)('$type', (message, payload, golden) => {
    expect(hex(encodeBlob(message, payload))).toBe(golden)
    expect(decodeBlob(bytes(golden))).toEqual({ message, payload })
  })
  test('fields of a later version are ignored, in CBOR and behind a packed header', () => {
    // {"session": "s", "start": null, "later": [1, {"x": null}]}
    const close = '15001e00 a3 6773657373696f6e 6173 657374617274 f6 656c61746572 8201a16178f6 000000000000'
    expect(decodeSession(bytes(close)).message).toEqual({ type: 'close', session: 's', start: null })
    const step = '12001800 01000000 4d000000 01000000 03000000 0400 02 01 73 ffffff 00000000 0000803f'
    expect(decodeSession(bytes(step)).message).toEqual({ type: 'step', session: 's', start: 4, epoch: 1, position: 77, rows: 1, step: 3, rewind: false, want: 'last' })
  })
})
