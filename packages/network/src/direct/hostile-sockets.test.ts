import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { signal } from '../conformance/peers.ts'
import { createOffers, type Offers } from './offers.ts'
import { connectDirect, listenDirect, type DirectServer } from './tls.ts'

const loopback = '127.0.0.1'

/** An 'error' event that nobody hears ends the process: here it would fail the run. */
describe('the port for direct channels', () => {
  let offers: Offers
  let server: DirectServer
  let accepted: string[]

  beforeEach(async () => {
    accepted = []
    offers = createOffers(createVirtualClock(), seededRandom(1))
    server = await listenDirect(
      loopback,
      offers,
      (_socket, { identity }) => accepted.push(identity),
      silentLogger,
    )
  })
  afterEach(() => {
    server.close()
    offers.close()
  })

  const plain = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect({ host: loopback, port: server.port }, () => resolve(socket))
      socket.on('error', () => undefined)
    })
  const over = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      socket.once('close', () => resolve())
      socket.resume()
      if (socket.destroyed) resolve()
    })
  /** Whoever has an offer still gets in. */
  const stillWell = async (): Promise<void> => {
    const { identity, key } = offers.make('peer', '/test/1')
    const socket = await connectDirect(loopback, { identity, key, port: server.port }, signal())
    await expect.poll(() => accepted.includes(identity)).toBe(true)
    socket.destroy()
  }

  test('takes any bytes in place of a handshake, cut off anywhere, with a reset or an end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          // Records of TLS: type, version, length, body.
          fc
            .tuple(fc.integer({ min: 20, max: 23 }), fc.uint8Array({ maxLength: 100 }))
            .map(([type, body]) => Uint8Array.from([type, 3, 3, 0, body.length, ...body])),
        ),
        fc.boolean(),
        async (bytes, reset) => {
          const socket = await plain()
          await new Promise((resolve) => socket.write(bytes, resolve))
          if (reset) socket.resetAndDestroy()
          else socket.end()
          await over(socket)
        },
      ),
      { numRuns: 40 },
    )
    await stillWell()
  })

  test.each([1, 2, 3])(
    'takes a reset in the middle of a handshake, and just behind it: after piece %d of the answer',
    async (pieces) => {
      const resets: Promise<void>[] = []
      // Between the two, because a socket under TLS cannot be reset.
      const relay = createServer((near) => {
        const far = connect({ host: loopback, port: server.port })
        resets.push(over(far))
        let seen = 0
        far.on('error', () => undefined)
        far.on('data', (bytes) => {
          near.write(bytes)
          seen += 1
          if (seen === pieces) far.resetAndDestroy()
        })
        far.on('close', () => near.destroy())
        near.on('error', () => undefined)
        near.on('data', (bytes) => far.write(bytes))
        near.on('close', () => far.resetAndDestroy())
      })
      await new Promise<void>((resolve) => relay.listen(0, loopback, resolve))
      const { port } = relay.address() as AddressInfo
      for (let turn = 0; turn < 8; turn += 1) {
        const connecting = connectDirect(loopback, { ...offers.make('peer', '/test/1'), port }, signal())
        const socket = await connecting.catch(() => null)
        socket?.destroy()
        await Promise.all(resets)
      }
      relay.close()
      await stillWell()
    },
  )

  test.each<[string, (server: DirectServer) => { port: number; identity: string }]>([
    ['an identity longer than TLS takes', ({ port }) => ({ port, identity: 'x'.repeat(300) })],
    ['a port that cannot be', () => ({ port: 70_000, identity: 'x' })],
  ])('an offer with %s is a refusal', async (_name, change) => {
    const offer = { ...offers.make('peer', '/test/1'), ...change(server) }
    await expect(connectDirect(loopback, offer, signal())).rejects.toThrow()
    await stillWell()
  })
})
