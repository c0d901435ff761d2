import { createSocket } from 'node:dgram'
import { systemClock } from '@shoal/host/node'
import { afterAll, describe, expect, it } from 'vitest'
import { createWorld } from './harness.ts'

/** Whether a multicast packet that this machine sends comes back to it. */
function hearsMulticast(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const end = (heard: boolean): void => {
      timer.cancel()
      socket.close()
      resolve(heard)
    }
    const timer = systemClock.after(1000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('message', () => end(true))
    socket.bind(0, () => {
      try {
        socket.addMembership('224.0.0.251')
        socket.setMulticastLoopback(true)
        socket.send('shoal', socket.address().port, '224.0.0.251', (error) => error !== null && end(false))
      } catch {
        end(false)
      }
    })
  })
}

const multicast = await hearsMulticast()

describe('nothing but the local network', () => {
  const world = createWorld()
  afterAll(() => world.close())

  it.skipIf(!multicast)('a node finds a swarm without an address, and nodes of one model find each other (needs multicast)', async () => {
    const first = await world.up(['--model', 'demo', '--lan', '--blocks', '0:3', '--data', world.folder('a')])
    const second = await world.up(['--lan', '--blocks', '3:6', '--data', world.folder('b')])
    expect(second.ready.manifest).toBe(first.ready.manifest)
    // A third creates its own: being of the same model, it is the same swarm as soon as they hear of each other.
    const third = await world.up(['--model', 'demo', '--lan', '--blocks', '0:6', '--data', world.folder('c')])
    await first.until(({ event, peer }) => event === 'peer-joined' && peer === third.ready.peerId)
    await third.until(({ event, peer }) => event === 'peer-joined' && peer === second.ready.peerId)
  })
})
