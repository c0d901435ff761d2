import { createSocket } from 'node:dgram'
import { systemClock } from '@shoal/host/node'
import type { SwarmStatus } from '@shoal/swarm'
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

describe('discovery by mDNS alone', () => {
  const world = createWorld()
  afterAll(() => world.close())

  it.skipIf(!multicast)(
    'a node finds a swarm without an address, and nodes of one model find each other (needs multicast)',
    async () => {
      const first = await world.up([
        '--model',
        'demo',
        '--lan',
        '--blocks',
        '0:3',
        '--data',
        world.folder('a'),
      ])
      const second = await world.up(['--lan', '--blocks', '3:6', '--data', world.folder('b')])
      expect(second.ready.manifest).toBe(first.ready.manifest)
      // A third node creates a swarm of the same model: both become one swarm as soon as they discover each other.
      const third = await world.up([
        '--model',
        'demo',
        '--lan',
        '--blocks',
        '0:6',
        '--data',
        world.folder('c'),
      ])
      await first.until(({ event, peer }) => event === 'peer-joined' && peer === third.ready.peerId)
      await third.until(({ event, peer }) => event === 'peer-joined' && peer === second.ready.peerId)
    },
  )
})

describe('five processes that discover each other by mDNS alone', () => {
  const world = createWorld()
  afterAll(() => world.close())

  it.skipIf(!multicast)(
    'started in any order, one of them with the model: they cover it and agree (needs multicast)',
    { timeout: 120_000 },
    async () => {
      const up = (name: string, words: readonly string[]) =>
        world.up([
          ...words,
          '--lan',
          '--memory',
          '7MiB',
          '--threads',
          '1',
          '--api',
          '127.0.0.1:0',
          '--data',
          world.folder(name),
        ])
      // The node with the model starts neither first nor last.
      const nodes = await Promise.all([
        up('a', []),
        up('b', []),
        up('c', ['--model', 'demo']),
        up('d', []),
        up('e', []),
      ])
      const look = async (): Promise<string[]> => {
        const views = await Promise.all(
          nodes.map(async ({ ready }) => (await (await fetch(`${ready.api}/swarm`)).json()) as SwarmStatus),
        )
        return [
          ...new Set(
            views.map(
              ({ snapshotHash, planHash, coverage, covered, peers }) =>
                `${covered} ${peers.filter(({ liveness }) => liveness === 'alive').length} ${coverage.join('')} ${planHash.slice(0, 8)} ${snapshotHash.slice(0, 8)}`,
            ),
          ),
        ]
      }
      await expect.poll(look, { timeout: 45_000, interval: 500 }).toEqual([expect.stringMatching(/^true 5 /)])
    },
  )
})
