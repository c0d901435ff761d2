import { existsSync, readFileSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codeOf, ended, patterned, receive, refusal, same, signal } from '../conformance/peers.ts'
import { packGoodbye } from '../channel/frame-reader.ts'
import { limits } from '../limits.ts'
import { createOffers, type Offers } from './offers.ts'
import { wholeCredit } from '../channel/first-credit.ts'
import { createHeldFrames } from '../channel/held-frames.ts'
import { createSocketChannel } from './socket-channel.ts'
import { connectDirect, listenDirect, type DirectServer } from './tls.ts'

const loopback = '127.0.0.1'

describe('a channel on a socket', () => {
  let clock: VirtualClock
  let offers: Offers
  let server: DirectServer
  let accepted: (socket: TLSSocket) => void

  beforeEach(async () => {
    clock = createVirtualClock()
    offers = createOffers(clock, seededRandom(1))
    server = await listenDirect(loopback, offers, (socket) => accepted(socket), silentLogger)
  })
  afterEach(() => {
    server.close()
    offers.close()
  })

  const over = (socket: TLSSocket): ReturnType<typeof createSocketChannel> =>
    createSocketChannel(socket, 'peer', '/test/1', wholeCredit, createHeldFrames(), clock, silentLogger)
  /** Both ends; nothing is on them yet. */
  async function connectPair(): Promise<{ near: TLSSocket; far: TLSSocket }> {
    const taken = Promise.withResolvers<TLSSocket>()
    accepted = taken.resolve
    const near = await connectDirect(
      loopback,
      { ...offers.make('peer', '/test/1'), port: server.port },
      signal(),
    )
    return { near, far: await taken.promise }
  }

  test('frames that come with the end of the handshake are there when somebody listens', async () => {
    const { port } = server
    accepted = (socket) => void over(socket).send(patterned(100_000, 1))
    const channel = over(await connectDirect(loopback, { ...offers.make('peer', '/test/1'), port }, signal()))
    const { near, far } = await connectPair()
    over(far)
    // A whole life of another channel later.
    await over(near).close()
    expect(same((await receive(channel, 1))[0], patterned(100_000, 1))).toBe(true)
  })

  test('who says goodbye and never ends its side does not keep the socket', async () => {
    const { near, far } = await connectPair()
    const end = ended(over(far))
    near.write(packGoodbye())
    expect(await end).toBeUndefined()
    clock.advance(limits.closeTimeoutMs - 1)
    expect(far.destroyed).toBe(false)
    clock.advance(1)
    expect(far.destroyed).toBe(true)
  })

  test('who ends its side without a goodbye and reads nothing does not keep the socket', async () => {
    const { near, far } = await connectPair()
    const channel = over(far)
    const sending = refusal(channel.send(new Uint8Array(limits.maxFrameBytes)))
    const end = ended(channel)
    near.end()
    expect([codeOf(await end), await sending]).toEqual(['peer-vanished', 'peer-vanished'])
    expect(far.destroyed).toBe(true)
  })

  test('abort rejects what the operating system has not taken', async () => {
    const { near, far } = await connectPair()
    near.pause()
    const channel = over(far)
    const sending = refusal(channel.send(new Uint8Array(limits.maxFrameBytes)))
    const waiting = refusal(channel.send(new Uint8Array(1)))
    channel.abort(new Error('enough'))
    expect([await sending, await waiting, far.destroyed]).toEqual(['peer-vanished', 'peer-vanished', true])
  })

  test('a listener of the end that throws keeps no other from hearing of it, and the socket is gone', async () => {
    const { far } = await connectPair()
    const failures: unknown[] = []
    const channel = createSocketChannel(far, 'peer', '/test/1', wholeCredit, createHeldFrames(), clock, {
      ...silentLogger,
      error: (_event, fields) => void failures.push(fields?.['error']),
    })
    const failure = new Error('a bug')
    channel.onClose(() => {
      throw failure
    })
    const end = ended(channel)
    channel.abort(new Error('enough'))
    expect([await end, failures, far.destroyed]).toEqual([new Error('enough'), [failure], true])
  })

  test('a socket that is closed already is a channel that has ended', async () => {
    const { far } = await connectPair()
    const closed = new Promise((resolve) => far.once('close', resolve))
    far.destroy()
    await closed
    expect(codeOf(await ended(over(far)))).toBe('peer-vanished')
  })

  test('its keys are good for one connection: no ticket resumes it', async () => {
    const { near } = await connectPair()
    expect([near.getProtocol(), near.getCipher().name, near.getTLSTicket()]).toEqual([
      'TLSv1.2',
      'ECDHE-PSK-CHACHA20-POLY1305',
      undefined,
    ])
  })

  test.skipIf(!existsSync('/proc/self/net/tcp'))(
    'the kernel probes an idle one (skipped where /proc does not tell)',
    async () => {
      const { near, far } = await connectPair()
      over(near)
      over(far)
      const ports = [near.localPort, far.localPort].map((port) =>
        port!.toString(16).toUpperCase().padStart(4, '0'),
      )
      /** The timer column of both ends; 02 is keep-alive. */
      const timers = (): (string | undefined)[] => {
        const rows = readFileSync('/proc/self/net/tcp', 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
        const timerOf = (local: string, remote: string): string | undefined =>
          rows
            .find(
              (row) => row[1]?.endsWith(`:${local}`) === true && row[2]?.endsWith(`:${remote}`) === true,
            )?.[5]
            ?.slice(0, 2)
        return [timerOf(ports[0]!, ports[1]!), timerOf(ports[1]!, ports[0]!)]
      }
      await expect.poll(timers).toEqual(['02', '02'])
    },
  )
})
