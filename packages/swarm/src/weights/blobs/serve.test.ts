import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { createMemoryNetwork, type Channel, type Transport } from '@shoal/network'
import { decodeBlob, encodeBlob, limits, protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { blobLimits } from './limits.ts'
import { serveBlobs, type BlobSource } from './serve.ts'

const blob = 'a'.repeat(64)

async function askerOf(source: BlobSource): Promise<Channel> {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const [holder, asker] = [network.createTransport('holder'), network.createTransport('asker')]
  serveBlobs(holder, source, silentLogger, clock)
  asker.learn('holder', holder.addresses())
  return asker.open('holder', protocols.blobs, { signal: new AbortController().signal })
}

test('however many requests a channel sends, one piece at a time is in memory', async () => {
  let reading = 0
  let most = 0
  const channel = await askerOf({
    size: () => 2 * limits.blobChunkBytes,
    async read(_blob, _offset, length) {
      reading += 1
      most = Math.max(most, reading)
      await Promise.resolve()
      reading -= 1
      return new Uint8Array(length)
    },
  })
  const order: number[] = []
  const all = new Promise<void>((resolve) => {
    channel.onFrame((frame) => {
      order.push(decodeBlob(frame).message.request)
      if (order.length === 200) resolve()
    })
  })
  for (let request = 0; request < 200; request += 1)
    await channel.send(...encodeBlob({ type: 'get', request, blob, offset: 0, length: 1000 }))
  await all
  expect(most).toBe(1)
  expect(order).toEqual(Array.from({ length: 200 }, (_, request) => request))
})

test('a peer with sixty channels has two pieces read at a time, and another one is served meanwhile', async () => {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const holder = network.createTransport('holder')
  const reading: string[] = []
  const served = new Map([
    ['a', 0],
    ['b', 0],
  ])
  serveBlobs(
    holder,
    {
      size: () => limits.blobChunkBytes,
      read(name) {
        const peer = name.slice(0, 1)
        served.set(peer, (served.get(peer) ?? 0) + 1)
        reading.push(peer)
        return peer === 'a' ? new Promise(() => undefined) : Promise.resolve(new Uint8Array(1))
      },
    },
    silentLogger,
    clock,
  )
  const { signal } = new AbortController()
  const ask = async (peer: string, channels: number): Promise<void> => {
    const transport = network.createTransport(peer)
    transport.learn('holder', holder.addresses())
    for (let opened = 0; opened < channels; opened += 1) {
      const channel = await transport.open('holder', protocols.blobs, { signal })
      channel.onFrame(() => undefined)
      const get = { type: 'get', request: 1, blob: peer.repeat(64), offset: 0, length: 1 } as const
      await channel.send(...encodeBlob(get))
    }
  }
  await ask('a', 60)
  await ask('b', 3)
  await settled()
  expect([served.get('a'), served.get('b')]).toEqual([blobLimits.served.perPeer, 3])
})

test('a peer that takes no piece loses its channel, and its place', async () => {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const holder = network.createTransport('holder')
  const ended: (Error | undefined)[] = []
  const handle: Pick<Transport, 'handle'> = {
    handle: (protocol, onChannel) =>
      holder.handle(protocol, (channel) => {
        channel.onClose((error) => void ended.push(error))
        onChannel({
          ...stuck,
          remotePeer: channel.remotePeer,
          onFrame: (receive) => channel.onFrame(receive),
          abort: (error) => channel.abort(error),
        })
      }),
  }
  serveBlobs(handle, { size: () => 1, read: () => Promise.resolve(new Uint8Array(1)) }, silentLogger, clock)
  const asker = network.createTransport('a')
  asker.learn('holder', holder.addresses())
  const channel = await asker.open('holder', protocols.blobs, { signal: new AbortController().signal })
  await channel.send(...encodeBlob({ type: 'get', request: 1, blob, offset: 0, length: 1 }))
  await settled()
  expect(ended).toEqual([])
  clock.advance(blobLimits.takePieceMs)
  expect(ended).toMatchObject([{ code: 'deadline-passed' }])
})

/** A channel whose other side takes nothing. */
const stuck: Channel = {
  remotePeer: '',
  protocol: protocols.blobs,
  closed: false,
  send: () => new Promise(() => undefined),
  onFrame: () => undefined,
  onClose: () => undefined,
  widen: () => undefined,
  close: () => Promise.resolve(),
  abort: () => undefined,
}

test.each([
  ['a blob that is not here', { blob: 'b'.repeat(64), offset: 0 }, 'not-found'],
  ['an offset past the end', { blob, offset: 11 }, 'bad-request'],
  ['a blob that cannot be read', { blob, offset: 1 }, 'internal'],
])('%s is refused, and the channel goes on', async (_, asked, code) => {
  const channel = await askerOf({
    size: (name) => (name === blob ? 10 : null),
    read: (_blob, offset, length) =>
      offset === 1
        ? Promise.reject(new Error('bad disk at /secret/path'))
        : Promise.resolve(new Uint8Array(length)),
  })
  const answers: ReturnType<typeof decodeBlob>[] = []
  const both = new Promise<void>((resolve) => {
    channel.onFrame((frame) => void (answers.push(decodeBlob(frame)) === 2 && resolve()))
  })
  await channel.send(...encodeBlob({ type: 'get', request: 1, length: 5, ...asked }))
  await channel.send(...encodeBlob({ type: 'get', request: 2, length: 100, blob, offset: 0 }))
  await both
  expect(answers[0]?.message).toMatchObject({
    type: 'no-blob',
    request: 1,
    code,
    message: expect.not.stringContaining('secret') as string,
  })
  expect(answers[1]?.message).toEqual({ type: 'chunk', request: 2, offset: 0, total: 10 })
  expect(answers[1]?.payload).toHaveLength(10)
})
