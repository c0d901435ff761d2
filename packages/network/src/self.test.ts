import { createVirtualClock, seededRandom } from '@shoal/host'
import { describe, expect, it } from 'vitest'
import { createMemoryNetwork } from './memory/network.ts'
import { withSelf } from './self.ts'
import type { Channel } from './transport.ts'

const signal = new AbortController().signal

const create = () => {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  return withSelf(network.createTransport('alice'), clock)
}

describe('channels to the own peer', () => {
  it('carries frames both ways and ends for both', async () => {
    const transport = create()
    const served: Channel[] = []
    transport.handle('/echo/1', (channel) => {
      served.push(channel)
      channel.onFrame((frame) => channel.send(frame))
    })
    const channel = await transport.open('alice', '/echo/1', { signal })
    const echoed = new Promise<Uint8Array>((resolve) => channel.onFrame(resolve))
    await channel.send(Uint8Array.of(1, 2), Uint8Array.of(3))
    expect(await echoed).toEqual(Uint8Array.of(1, 2, 3))
    expect(served[0]?.remotePeer).toBe('alice')
    const ended = new Promise<void>((resolve) => served[0]?.onClose(() => resolve()))
    await channel.close()
    await ended
  })

  it('refuses a protocol that nobody serves', async () => {
    await expect(create().open('alice', '/none/1', { signal })).rejects.toMatchObject({
      code: 'wrong-version',
    })
  })

  it('keeps channels of a protocol that is served later', async () => {
    const clock = createVirtualClock()
    const network = createMemoryNetwork({ clock, random: seededRandom(1) })
    const bob = withSelf(network.createTransport('bob'), clock, ['/late/1'])
    const alice = network.createTransport('alice')
    await alice.dial(bob.addresses()[0]!, { signal })
    const channel = await alice.open('bob', '/late/1', { signal })
    await channel.send(Uint8Array.of(7))
    const frame = await new Promise<Uint8Array>((resolve) =>
      bob.handle('/late/1', (served) => served.onFrame(resolve)),
    )
    expect(frame).toEqual(Uint8Array.of(7))
  })

  it('breaks its channels when the transport closes', async () => {
    const transport = create()
    transport.handle('/echo/1', () => undefined)
    const channel = await transport.open('alice', '/echo/1', { signal })
    const ended = new Promise<Error | undefined>((resolve) => channel.onClose(resolve))
    await transport.close()
    expect(await ended).toBeInstanceOf(Error)
  })
})
