import { connect } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { seededRandom, ShoalError, silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import * as fc from 'fast-check'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { protocols } from '@shoal/protocol'
import { signal } from '../conformance/peers.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { dhtProtocol, recordKey } from './dht/keys.ts'
import { createPeerKey } from './keys.ts'
import type { Libp2pTransport } from './transport-parts.ts'

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
const prefixed = (bytes: readonly number[]): number[] => [...varint(bytes.length), ...bytes]

/** Protocol buffers of any fields, nested: what every service of libp2p reads, and little of what it expects. */
const { message } = fc.letrec<{ field: number[]; message: number[] }>((tie) => ({
  message: fc.array(tie('field'), { maxLength: 6 }).map((fields) => fields.flat()),
  field: fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.oneof({ depthSize: 'small' }, fc.nat(9), inner(tie)))
    .map(([number, value]) =>
      typeof value === 'number' ? [number << 3, value] : [(number << 3) | 2, ...prefixed(value)],
    ),
}))
function inner(tie: (name: 'message') => fc.Arbitrary<number[]>): fc.Arbitrary<number[]> {
  return fc.oneof(
    fc.array(fc.nat(255), { maxLength: 40 }),
    fc.constantFrom(recordKey('nonsense'), new TextEncoder().encode('/pk/x')).map((key) => [...key]),
    tie('message'),
  )
}
const frames = fc.oneof(
  { weight: 3, arbitrary: fc.array(message.map(prefixed), { minLength: 1, maxLength: 4 }) },
  fc.array(fc.array(fc.nat(255), { maxLength: 60 }), { minLength: 1, maxLength: 4 }),
)

type Answers = readonly (readonly number[])[]

describe('services of libp2p', () => {
  let transport: Libp2pTransport
  let hostile: Libp2p

  beforeEach(async () => {
    transport = await createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock: systemClock,
      logger: silentLogger,
      direct: { protocols: ['/test/1'], random: seededRandom(1) },
      directory: {
        serve: true,
        rules: {
          order: async () => {
            throw new ShoalError('bad-frame', 'no record is right')
          },
        },
      },
    })
    transport.handle('/test/1', () => undefined)
    hostile = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), ping: ping() },
    })
  })
  afterEach(async () => {
    await hostile.stop()
    await transport.close()
  })
  const stillWell = async (): Promise<void> => {
    const stream = await hostile.dialProtocol(multiaddr(transport.addresses()[0]), '/test/1')
    stream.abort(new Error('enough'))
  }

  test.each([dhtProtocol, '/ipfs/ping/1.0.0', '/ipfs/id/1.0.0', protocols.direct])(
    'messages that nobody would write cost a peer its stream of %s, and nobody else anything',
    async (protocol) => {
      const connection = await hostile.dial(multiaddr(transport.addresses()[0]))
      await fc.assert(
        fc.asyncProperty(frames, fc.boolean(), async (all, reset) => {
          let stream: Stream
          try {
            stream = await connection.newStream(protocol)
          } catch {
            // No more streams of this protocol are allowed for now, or it is not spoken.
            return
          }
          try {
            for (const bytes of all) stream.send(Uint8Array.from(bytes))
          } catch {
            // The other side has ended it.
          }
          if (reset) stream.abort(new Error('enough'))
          else await stream.close().catch(() => undefined)
        }),
        { numRuns: 60 },
      )
      await stillWell()
    },
  )

  /** Serves a protocol by sending what `next` gives. */
  const babble = async (protocol: string, next: () => Answers): Promise<void> => {
    await hostile.unhandle(protocol)
    await hostile.handle(protocol, (stream) => {
      try {
        for (const bytes of next()) stream.send(Uint8Array.from(bytes))
      } catch {
        // The asker has ended it.
      }
      stream.close().catch(() => undefined)
    })
  }

  test('answers that nobody would write end a question to the directory, and nothing else', async () => {
    let answers: Answers = []
    let asked = 0
    await babble(dhtProtocol, () => {
      asked += 1
      return answers
    })
    await hostile.dial(multiaddr(transport.addresses()[0]))
    await transport.directory?.whenReady(signal())
    asked = 0
    await fc.assert(
      fc.asyncProperty(frames, async (all) => {
        answers = all
        const found = await transport.directory
          ?.find(hostile.peerId.toString(), { signal: signal() })
          .catch(() => null)
        expect(found).toBeNull()
      }),
      { numRuns: 20 },
    )
    expect(asked).toBeGreaterThan(0)
    await stillWell()
  })

  test('a peer that says nonsense of itself is connected, and no more', async () => {
    const told = fc.sample(frames, { numRuns: 20, seed: 1 })
    for (const answers of told) {
      await babble('/ipfs/id/1.0.0', () => answers)
      await stillWell()
      for (const connection of hostile.getConnections()) await connection.close()
    }
  })

  test('any bytes in place of the first handshake, cut off anywhere, are a connection that did not come about', async () => {
    const { port } = new URL(
      transport.addresses()[0]!.replace(/^\/ip4\/([\d.]+)\/tcp\/(\d+).*$/, 'http://$1:$2'),
    )
    const select = [...prefixed([...new TextEncoder().encode('/multistream/1.0.0\n')])]
    const encrypt = [...prefixed([...new TextEncoder().encode('/noise\n')])]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom([], select, [...select, ...encrypt]),
        fc.array(fc.nat(255), { maxLength: 200 }),
        fc.boolean(),
        (start, bytes, reset) =>
          new Promise<void>((resolve) => {
            const socket = connect(Number(port), '127.0.0.1')
            socket.on('error', () => undefined)
            socket.on('close', () => resolve())
            socket.resume()
            socket.write(Uint8Array.from([...start, ...bytes]), () =>
              reset ? socket.resetAndDestroy() : socket.end(),
            )
          }),
      ),
      // Few and slow: libp2p accepts five connections a second of one address.
      { numRuns: 4 },
    )
    await stillWell()
  })
})
