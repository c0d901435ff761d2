import { randomBytes } from 'node:crypto'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { createVirtualClock, silentLogger, type LogFields, type Logger } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'
import { createCachedKeyCrypto } from './speed-ups/cached-keys.ts'
import { withJoinedWrites } from './speed-ups/joined-writes.ts'
import { withLazyWindows } from './speed-ups/lazy-windows.ts'
import { withQuietLengths } from './speed-ups/quiet-lengths.ts'
import { createSpeedUpReport, speedUpNames } from './speed-ups/report.ts'

describe('speed-ups', () => {
  test('all are engaged with the pinned versions, for who dials and for who is dialled', async () => {
    const create = async () =>
      createLibp2pTransport({
        privateKey: await createPeerKey(),
        clock: createVirtualClock(),
        logger: silentLogger,
      })
    const [alice, bob] = await Promise.all([create(), create()])
    try {
      const heard = new Promise((resolve) => bob.onConnect(resolve))
      await alice.dial(bob.addresses()[0] ?? '', { signal: AbortSignal.timeout(20_000) })
      await heard
      expect([...alice.speedUps].sort()).toEqual([...speedUpNames])
      expect([...bob.speedUps].sort()).toEqual([...speedUpNames])
    } finally {
      await Promise.all([alice.close(), bob.close()])
    }
  })

  test('peers with and without them understand each other', async () => {
    const create = async (speedUps: boolean) =>
      createLibp2pTransport({
        privateKey: await createPeerKey(),
        clock: createVirtualClock(),
        logger: silentLogger,
        speedUps,
      })
    const [alice, bob] = await Promise.all([create(true), create(false)])
    try {
      bob.handle('/echo/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
      alice.learn(bob.peerId, bob.addresses())
      const channel = await alice.open(bob.peerId, '/echo/1', { signal: AbortSignal.timeout(20_000) })
      for (const size of [0, 1, 255, 256, 257, 65_519, 65_536, 3_000_000]) {
        const frame = new Uint8Array(size).fill(size & 0xff)
        const echoed = new Promise<Uint8Array>((resolve) => channel.onFrame(resolve))
        await channel.send(frame)
        expect(Buffer.compare(await echoed, frame)).toBe(0)
      }
      expect(bob.speedUps.size).toBe(0)
    } finally {
      await Promise.all([alice.close(), bob.close()])
    }
  })

  test('the end of a message costs no error with a stack', async () => {
    const decoder = {
      lengthDecoder: (buffer: { length: number }) => buffer.length,
      decode: () => undefined,
    }
    const report = createSpeedUpReport(silentLogger)
    const encrypter = withQuietLengths(
      () => ({ secureInbound: async () => ({ connection: { decoder } }), secureOutbound: async () => ({}) }),
      report,
    )(undefined)
    await encrypter.secureInbound()
    expect(decoder.lengthDecoder({ length: 2 })).toBe(2)
    const thrown = [0, 1].map((length) => {
      try {
        return decoder.lengthDecoder({ length })
      } catch (error) {
        return error
      }
    })
    expect(thrown[0]).toBeInstanceOf(RangeError)
    expect(thrown[1]).toBe(thrown[0])
    expect([...report.names]).toEqual(['quiet-lengths'])
    await encrypter.secureOutbound()
    expect([...report.names]).toEqual([])
  })

  const nonce = new Uint8Array(12)
  const key = new Uint8Array(randomBytes(32))
  const sizes = [0, 1, 255, 256, 1199, 1200, 4096, 65_519]

  test.each(sizes)('the cipher with cached keys is the cipher, at %d bytes', (size) => {
    const fast = createCachedKeyCrypto()
    const plaintext = new Uint8Array(randomBytes(size))
    for (const associated of [new Uint8Array(0), new Uint8Array(32).fill(3)]) {
      const sealed = fast.chaCha20Poly1305Encrypt(plaintext, nonce, associated, key).subarray()
      expect(
        Buffer.compare(
          sealed,
          defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, associated, key).subarray(),
        ),
      ).toBe(0)
      const opened = fast.chaCha20Poly1305Decrypt(sealed.slice(), nonce, associated, key).subarray()
      expect(Buffer.compare(opened, plaintext)).toBe(0)
    }
  })

  test.each(sizes)('a changed bit, nonce, key or associated byte is refused, at %d bytes', (size) => {
    const fast = createCachedKeyCrypto()
    const associated = new Uint8Array(32).fill(3)
    const sealed = fast
      .chaCha20Poly1305Encrypt(new Uint8Array(randomBytes(size)), nonce, associated, key)
      .subarray()
      .slice()
    const flipped = (bytes: Uint8Array, index: number): Uint8Array =>
      bytes.map((byte, at) => (at === index ? byte ^ 1 : byte))
    expect(() => fast.chaCha20Poly1305Decrypt(flipped(sealed, 0), nonce, associated, key)).toThrow()
    expect(() =>
      fast.chaCha20Poly1305Decrypt(flipped(sealed, sealed.length - 1), nonce, associated, key),
    ).toThrow()
    expect(() => fast.chaCha20Poly1305Decrypt(sealed.slice(), flipped(nonce, 4), associated, key)).toThrow()
    expect(() => fast.chaCha20Poly1305Decrypt(sealed.slice(), nonce, flipped(associated, 0), key)).toThrow()
    expect(() => fast.chaCha20Poly1305Decrypt(sealed.slice(), nonce, associated, flipped(key, 0))).toThrow()
  })

  test('internals that are not as expected are left alone, with one line each', async () => {
    const lines: LogFields[] = []
    const logger: Logger = {
      ...silentLogger,
      debug: (event, fields) => void lines.push({ event, ...fields }),
    }
    const report = createSpeedUpReport(logger)
    const dialled: unknown[] = []
    const strange = {
      dial: (_address: unknown, options: { upgrader: { upgradeOutbound(connection: unknown): unknown } }) =>
        options.upgrader.upgradeOutbound({ renamedSocket: 1 }),
      createListener: () => undefined,
    }
    const transport = withJoinedWrites(() => strange, report)({})
    const upgrader = { upgradeOutbound: (connection: unknown) => dialled.push(connection) }
    transport.dial('address', { upgrader })
    transport.dial('address', { upgrader })
    const muxer = {}
    expect(withLazyWindows(() => ({ createStreamMuxer: () => muxer }), report)({}).createStreamMuxer()).toBe(
      muxer,
    )
    const renamed = { _newStream: () => ({ id: 1 }) }
    withLazyWindows(() => ({ createStreamMuxer: () => renamed }), report)({}).createStreamMuxer()
    expect(renamed._newStream()).toEqual({ id: 1 })
    expect(dialled.length).toBe(2)
    expect(lines).toEqual([
      { event: 'speed-up-missing', name: 'joined-writes' },
      { event: 'speed-up-missing', name: 'lazy-windows' },
    ])
  })
})
