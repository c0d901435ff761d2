import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { signal } from '../conformance/peers.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'
import type { Libp2pTransport } from './transport-parts.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function create(): Promise<Libp2pTransport> {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
  })
  transport.handle('/test/1', (channel) => channel.onFrame((frame) => channel.send(frame)))
  closing.push(() => transport.close())
  return transport
}

/** A longer way to a port of this machine. */
async function detour(port: number, delayMs: number): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (piece) => systemClock.after(delayMs, () => to.writable && to.write(piece)))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  return server
}

test('the faster of two addresses wins, later channels take it, and open ones stay', async () => {
  const [alice, bob] = [await create(), await create()]
  const fast = bob.addresses()[0] ?? ''
  const slow = fast.replace(
    /tcp\/\d+/,
    `tcp/${((await detour(Number(/tcp\/(\d+)/.exec(fast)?.[1]), 15)).address() as AddressInfo).port}`,
  )
  await alice.dial(slow, { signal: signal() })
  alice.learn(bob.peerId, [slow, fast])
  const early = await alice.open(bob.peerId, '/test/1', { signal: signal() })
  expect(await alice.ping(bob.peerId, { signal: signal() })).toBeGreaterThan(25)
  expect(await alice.quicken?.(bob.peerId, { signal: signal() })).toBe(true)
  expect(await alice.ping(bob.peerId, { signal: signal() })).toBeLessThan(25)
  // The channel that is open goes on over the slow connection.
  expect(await alice.quicken?.(bob.peerId, { signal: signal() })).toBe(false)
  expect(early.closed).toBe(false)
})

test('a slower address is left alone', async () => {
  const [alice, bob] = [await create(), await create()]
  const fast = bob.addresses()[0] ?? ''
  const slow = fast.replace(
    /tcp\/\d+/,
    `tcp/${((await detour(Number(/tcp\/(\d+)/.exec(fast)?.[1]), 15)).address() as AddressInfo).port}`,
  )
  await alice.dial(fast, { signal: signal() })
  alice.learn(bob.peerId, [slow, fast])
  expect(await alice.quicken?.(bob.peerId, { signal: signal() })).toBe(false)
  expect(await alice.ping(bob.peerId, { signal: signal() })).toBeLessThan(25)
})
