import { createVirtualClock, ShoalError, silentLogger } from '@shoal/host'
import { afterEach, expect, test } from 'vitest'
import { signal } from '../conformance/peers.ts'
import type { RecordRules } from '../directory/directory.ts'
import { limits } from '../limits.ts'
import { createLibp2pTransport } from './create-transport.ts'
import { createPeerKey } from './keys.ts'
import type { Libp2pTransport } from './transport-parts.ts'

const clock = createVirtualClock()
const transports: Libp2pTransport[] = []
const rules: RecordRules = { order: () => Promise.reject(new ShoalError('bad-frame', 'no records here')) }

async function create(directory: boolean): Promise<Libp2pTransport> {
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock,
    logger: silentLogger,
    ...(directory ? { directory: { rules, serve: true } } : {}),
  })
  transport.handle('/test/1', (channel) => channel.onFrame(() => undefined))
  transports.push(transport)
  return transport
}
const dial = (from: Libp2pTransport, to: Libp2pTransport): Promise<string> =>
  from.dial(to.addresses()[0] ?? '', { signal: signal() })
async function pass(times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    // A sign of life that a quiet connection is asked for comes over real sockets, which need some turns.
    for (let step = 0; step < 12; step += 1) {
      clock.advance(limits.idleConnectionMs / 12)
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
afterEach(() => Promise.all(transports.splice(0).map((transport) => transport.close())))

test('a connection that nobody uses is closed, one with a channel stays', async () => {
  const [alice, bob, carol] = [await create(true), await create(true), await create(true)]
  await dial(alice, bob)
  const channel = await alice.open(await dial(alice, carol), '/test/1', { signal: signal() })
  await expect.poll(() => alice.directory?.stats().peers, { timeout: 10_000 }).toBe(2)
  await expect
    .poll(
      async () => {
        await pass(2)
        return alice.connected()
      },
      { timeout: 10_000 },
    )
    .toEqual([carol.peerId])
  expect(channel.closed).toBe(false)
  // What it was for is not forgotten: the way into the directory.
  expect(alice.directory?.stats().peers).toBe(2)
})

test('a peer without a directory closes nothing', async () => {
  const [alice, bob] = [await create(false), await create(false)]
  await dial(alice, bob)
  await pass(5)
  expect(alice.connected()).toEqual([bob.peerId])
})
