import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createMemoryNetwork, type Channel } from '@shoal/network'
import { decodeSession } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { sessionLimits } from '../route/limits.ts'
import { createOutbox } from './outbox.ts'

async function createPair(): Promise<{ near: Channel; far: Channel }> {
  const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
  const [one, other] = [network.createTransport('one'), network.createTransport('other')]
  let far: Channel | undefined
  other.handle('/p', (channel) => (far = channel))
  one.learn('other', other.addresses())
  const near = await one.open('other', '/p', { signal: new AbortController().signal })
  return { near, far: far! }
}

const mebibyte = 1024 * 1024

test('rows wait in their journal, not in the channel, while the other side takes nothing', async () => {
  const { near, far } = await createPair()
  far.onFrame(() => new Promise<void>(() => undefined))
  const outbox = createOutbox(near, silentLogger)
  let made = 0
  for (let index = 0; index < 100; index += 1) {
    void outbox
      .send(() => {
        made += 1
        return [new Uint8Array(16 * mebibyte)]
      })
      .catch(() => undefined)
  }
  await settled()
  // Four fit the credit of 64 MiB, the fifth waits in the channel.
  expect(made).toBe(5)
  near.abort(new Error('over'))
})

test('small messages pass rows that wait; a peer that reads none of them is hung up on', async () => {
  const { near, far } = await createPair()
  const types: string[] = []
  far.onFrame((frame) =>
    frame.length > 64
      ? new Promise<void>(() => undefined)
      : void types.push(decodeSession(frame).message.type),
  )
  const outbox = createOutbox(near, silentLogger)
  for (let index = 0; index < 5; index += 1) void outbox.send(() => [new Uint8Array(12 * mebibyte)])
  outbox.post({ type: 'keep-alive' })
  await settled()
  expect(types).toEqual(['keep-alive'])

  void outbox.send(() => [new Uint8Array(30 * mebibyte)]).catch(() => undefined)
  await settled()
  for (let index = 0; index <= sessionLimits.maxPosted + 1 && !near.closed; index += 1)
    outbox.post({ type: 'keep-alive' })
  expect(near.closed).toBe(true)
})
