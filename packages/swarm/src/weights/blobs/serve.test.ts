import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createMemoryNetwork, type Channel } from '@shoal/network'
import { decodeBlob, encodeBlob, limits, protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { serveBlobs, type BlobSource } from './serve.ts'

const blob = 'a'.repeat(64)

async function askerOf(source: BlobSource): Promise<Channel> {
  const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
  const [holder, asker] = [network.createTransport('holder'), network.createTransport('asker')]
  serveBlobs(holder, source, silentLogger)
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
