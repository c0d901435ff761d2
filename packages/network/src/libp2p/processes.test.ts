import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { messageOf, ShoalError, silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey, peerIdOfKey } from './keys.ts'
import type { Libp2pTransport } from './transport-parts.ts'

const signal = (): AbortSignal => AbortSignal.timeout(20_000)
const codeOf = (error: unknown): string => (error instanceof ShoalError ? error.code : messageOf(error))
/** An address without its peer. */
const placeIn = (address: string): string => address.replace(/\/p2p\/[^/]+$/, '')

describe.each([
  ['streams', 0],
  ['direct channels', 1],
])('libp2p between processes, with %s', (_name, directChannels) => {
  let transport: Libp2pTransport
  let child: ChildProcess
  let address: string

  beforeEach(async () => {
    const direct = directChannels === 0 ? {} : { direct: { protocols: ['/echo/1'], random: systemRandom } }
    transport = await createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock: systemClock,
      logger: silentLogger,
      ...direct,
    })
    child = spawn(process.execPath, [fileURLToPath(new URL('./testing/peer-process.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    address = await new Promise<string>((resolve) => {
      if (child.stdout !== null) createInterface(child.stdout).once('line', resolve)
    })
  })
  afterEach(async () => {
    child.kill('SIGKILL')
    await transport.close()
  })

  test('kill -9 of a peer is seen at once, by its channels and as a disconnect', async () => {
    const peerId = await transport.dial(address, { signal: signal() })
    const channel = await transport.open(peerId, '/echo/1', { signal: signal() })
    const echoed = new Promise<Uint8Array>((resolve) => channel.onFrame(resolve))
    await channel.send(new Uint8Array([1, 2, 3]))
    expect(await echoed).toEqual(new Uint8Array([1, 2, 3]))
    expect(transport.directChannels(peerId)).toBe(directChannels)

    const ended = new Promise<Error | undefined>((resolve) => channel.onClose(resolve))
    const gone = new Promise<string>((resolve) => transport.onDisconnect(resolve))
    const killedMs = systemClock.nowMs()
    child.kill('SIGKILL')
    expect(codeOf(await ended)).toBe('peer-vanished')
    expect(await gone).toBe(peerId)
    // A close by the kernel, not a time-out of anything: those take 5 s and more.
    expect(systemClock.nowMs() - killedMs).toBeLessThan(2_000)
    expect(transport.connected()).toEqual([])
    const again = await transport
      .open(peerId, '/echo/1', { signal: signal() })
      .catch((error: unknown) => error)
    expect(codeOf(again)).toBe('peer-vanished')
    expect(messageOf(again)).toContain(`${peerId} cannot be reached at ${placeIn(address)}`)
  })

  test('kill -9 while large frames are under way rejects every send', async () => {
    const peerId = await transport.dial(address, { signal: signal() })
    const channel = await transport.open(peerId, '/echo/1', { signal: signal() })
    channel.onFrame(() => new Promise(() => undefined))
    const sending = Array.from({ length: 8 }, () =>
      channel.send(new Uint8Array(8 << 20)).then(() => 'sent', codeOf),
    )
    await sending[0]
    child.kill('SIGKILL')
    const outcomes = await Promise.all(sending)
    expect(outcomes.at(-1)).toBe('peer-vanished')
    for (const outcome of outcomes) expect(['sent', 'peer-vanished']).toContain(outcome)
  })

  test('another peer at the expected address is not taken for it', async () => {
    const other = peerIdOfKey(await createPeerKey())
    const lying = address.replace(/[^/]+$/, other)
    const error = await transport.dial(lying, { signal: signal() }).catch((error: unknown) => error)
    expect(codeOf(error)).toBe('peer-vanished')
    expect(messageOf(error)).toContain(`${other} cannot be reached at ${placeIn(lying)}`)
    expect(transport.connected()).toEqual([])
  })

  test('an address without a peer id tells who is there', async () => {
    expect(await transport.dial(address.replace(/\/p2p\/.*/, ''), { signal: signal() })).toBe(
      address.split('/').at(-1),
    )
  })
})

describe('libp2p transport options', () => {
  const create = async (options: { listen?: string[]; announce?: string[]; privateKey?: Uint8Array } = {}) =>
    createLibp2pTransport({
      privateKey: await createPeerKey(),
      clock: systemClock,
      logger: silentLogger,
      ...options,
    })

  test('listens on loopback only, unless told', async () => {
    const transport = await create()
    expect(transport.addresses().every((address) => address.startsWith('/ip4/127.0.0.1/tcp/'))).toBe(true)
    await transport.close()
  })

  test('a taken port is in use', async () => {
    const first = await create()
    const taken = first.addresses()[0]?.replace(/\/p2p\/.*/, '') ?? ''
    const error = await create({ listen: [taken] }).catch((error: unknown) => error)
    expect(codeOf(error)).toBe('in-use')
    expect(messageOf(error)).toContain(taken)
    await first.close()
  })

  test.each([['/ip4/127.0.0.1/udp/0'], ['nonsense']])('%s cannot be listened on', async (listen) => {
    expect(codeOf(await create({ listen: [listen] }).catch((error: unknown) => error))).toBe('bad-request')
  })

  test('announces what it is told instead of where it listens', async () => {
    const transport = await create({ announce: ['/ip4/127.0.0.1/tcp/9'] })
    expect(transport.addresses()).toEqual([`/ip4/127.0.0.1/tcp/9/p2p/${transport.peerId}`])
    await transport.close()
  })

  test('has the peer id of its key, and refuses other bytes', async () => {
    const privateKey = await createPeerKey()
    const transport = await create({ privateKey })
    expect(transport.peerId).toBe(peerIdOfKey(privateKey))
    await transport.close()
    for (const bytes of [new Uint8Array(0), new Uint8Array(68), privateKey.slice(1)]) {
      expect(codeOf(await create({ privateKey: bytes }).catch((error: unknown) => error))).toBe('bad-request')
      expect(() => peerIdOfKey(bytes)).toThrow(expect.objectContaining({ code: 'bad-request' }))
    }
  })
})
