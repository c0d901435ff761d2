import { createVirtualClock, seededRandom, silentLogger } from '@shoal/host'
import { createMemoryNetwork } from '@shoal/network'
import { encodeSession, protocols } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createPeerChannels } from './peer-channels.ts'

function createBench() {
  const clock = createVirtualClock()
  const network = createMemoryNetwork({ clock, random: seededRandom(1) })
  const [self, peer] = [network.createTransport('self'), network.createTransport('peer')]
  let accepted = 0
  peer.handle(protocols.session, (channel) => {
    accepted += 1
    channel.onFrame((frame) => void channel.send(frame))
  })
  const received: string[] = []
  const lost: string[] = []
  const channels = createPeerChannels(
    { transport: self, clock, logger: silentLogger },
    {
      connectTimeoutMs: 100,
      lingerMs: 50,
      receive: (from) => void received.push(from),
      lost: (from) => void lost.push(from),
    },
  )
  const use = (name = 'peer', signal = new AbortController().signal) =>
    channels.use(name, peer.addresses(), signal)
  return { clock, network, channels, use, received, lost, accepted: () => accepted }
}

test('sessions share a channel, and it closes some time after the last of them', async () => {
  const bench = createBench()
  const uses = await Promise.all([bench.use(), bench.use()])
  uses[0].outbox.post({ type: 'keep-alive' })
  await settled()
  expect([bench.accepted(), bench.received]).toEqual([1, ['peer']])
  uses[0].release()
  uses[0].release()
  bench.clock.advance(500)
  expect(bench.channels.size).toBe(1)
  uses[1].release()
  bench.clock.advance(49)
  const again = await bench.use()
  bench.clock.advance(500)
  await settled()
  expect([bench.accepted(), bench.channels.size]).toEqual([1, 1])
  again.release()
  bench.clock.advance(50)
  await settled()
  expect([bench.channels.size, bench.lost]).toEqual([0, []])
  await bench.use()
  expect(bench.accepted()).toBe(2)
})

test('a lost channel is reported once to its users, and the next use opens a new one', async () => {
  const bench = createBench()
  await bench.use()
  bench.network.cut('self', 'peer')
  expect(bench.lost).toEqual(['peer'])
  bench.network.heal('self', 'peer')
  const use = await bench.use()
  await expect(use.outbox.send(() => encodeSession({ type: 'keep-alive' }))).resolves.toBeUndefined()
  expect(bench.accepted()).toBe(2)
})

test('one waiting session that gives up does not take the channel from another', async () => {
  const bench = createBench()
  const cancel = new AbortController()
  const impatient = expect(bench.use('peer', cancel.signal)).rejects.toMatchObject({ code: 'cancelled' })
  const patient = bench.use()
  cancel.abort()
  await impatient
  await expect(patient).resolves.toMatchObject({ outbox: { peer: 'peer' } })
})

test('a peer that never answers is given up after the connect time-out', async () => {
  const bench = createBench()
  bench.network.stop('self', 'peer')
  const failed = expect(bench.use()).rejects.toMatchObject({
    code: 'deadline-passed',
    message: 'no session channel to peer within 100 ms',
  })
  await settled()
  bench.clock.advance(100)
  await failed
  expect(bench.channels.size).toBe(0)
})

test('closing ends all, what is still opening too', async () => {
  const bench = createBench()
  await bench.use()
  const opening = expect(bench.use('nobody')).rejects.toMatchObject({ code: 'cancelled' })
  await bench.channels.close()
  await opening
  expect([bench.channels.size, bench.lost]).toEqual([0, []])
})
