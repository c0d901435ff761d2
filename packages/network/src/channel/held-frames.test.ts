import { createVirtualClock, seededRandom } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { limits } from '../limits.ts'
import { createMemoryNetwork } from '../memory/network.ts'
import type { Channel } from '../transport.ts'
import { createHeldFrames } from './held-frames.ts'

const { signal } = new AbortController()

/** A peer that opens channels to a server that consumes nothing. */
async function flood(protocol: string): Promise<{ server: Channel; asker: Channel; arrived: () => number }> {
  const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
  const [holder, stranger] = [network.createTransport('holder'), network.createTransport('stranger')]
  const accepted = Promise.withResolvers<Channel>()
  let arrived = 0
  holder.handle(protocol, (channel) => {
    channel.onFrame(() => {
      arrived += 1
      return new Promise(() => undefined)
    })
    accepted.resolve(channel)
  })
  stranger.learn('holder', holder.addresses())
  const asker = await stranger.open('holder', protocol, { signal })
  return { server: await accepted.promise, asker, arrived: () => arrived }
}

test.each([
  [protocols.hello, 64],
  [protocols.session, 128],
  [protocols.blobs, 64],
  [protocols.group, 256],
  [protocols.direct, 64],
])('a stranger has at most a few frames of %s under way', async (protocol, most) => {
  const { asker, arrived } = await flood(protocol)
  const sending = Array.from({ length: 1000 }, () => asker.send(new Uint8Array(100)).catch(() => undefined))
  await settled(2000)
  expect(arrived()).toBeGreaterThan(8)
  expect(arrived()).toBeLessThanOrEqual(most + most / 4)
  asker.abort(new Error('enough'))
  await Promise.all(sending)
})

test('a frame over the first credit waits until the receiver widens the channel', async () => {
  const { server, asker, arrived } = await flood(protocols.session)
  const sending = asker.send(new Uint8Array(1024 * 1024))
  await settled(2000)
  expect(arrived()).toBe(0)
  server.widen(2 * 1024 * 1024)
  await sending
  expect(arrived()).toBe(1)
})

test('one peer holds no more over all its channels than two whole credits', () => {
  const held = createHeldFrames()
  held.prefer(() => true)
  const accounts = Array.from({ length: 64 }, () => held.open('a', () => undefined))
  let taken = 0
  for (const account of accounts)
    for (let frame = 0; frame < 4; frame += 1) if (account.take(1024 * 1024) === null) taken += 1
  expect(taken).toBe(Math.floor(limits.peerFrameBytes / (1024 * 1024)))
  expect(accounts[0]?.take(1024 * 1024)).toMatchObject({ code: 'limit-exceeded' })
})

test('when the strangers fill their pool, the one that holds most loses its channels, and a member nothing', () => {
  const held = createHeldFrames()
  held.prefer((peer) => peer === 'member')
  const cut: string[] = []
  const open = (peer: string) => held.open(peer, () => void cut.push(peer))
  open('member').take(limits.peerFrameBytes)
  open('modest').take(1024)
  const third = Math.floor(limits.strangerFrameBytes / 3)
  open('greedy').take(third + 1)
  open('other').take(third)
  expect(cut).toEqual([])
  open('last').take(third)
  expect(cut).toEqual(['greedy'])
})

test('what is given back is no longer charged, and an ended channel leaves nothing behind', () => {
  const held = createHeldFrames()
  const account = held.open('a', () => undefined)
  account.take(1000)
  account.take(500)
  account.give(1000)
  expect([held.bytes(), held.bytes('a')]).toEqual([500, 500])
  account.close()
  expect(held.bytes('a')).toBe(500)
  account.give(500)
  expect([held.bytes(), held.bytes('a')]).toEqual([0, 0])
})
