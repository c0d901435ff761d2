import { multiaddr } from '@multiformats/multiaddr'
import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { limits } from '../../limits.ts'
import { LoopTime } from './loop-time.ts'
import { PacedReads } from './paced-reads.ts'
import { PacedSockets } from './paced-sockets.ts'

const relay = '12D3KooWGG75X1QbwM5p1C7fn7JNvzCDJsV97zKMzbaTV25qRD4S'

/** A connection through a relay, as libp2p makes it, whose bytes take time. */
class RelayedConnection extends EventTarget {
  readonly remoteAddr = multiaddr(`/ip4/203.0.113.1/tcp/4001/p2p/${relay}/p2p-circuit`)
  delivered = 0
  readonly #cost: () => void
  readonly stream = {
    paused: false,
    pause() {
      this.paused = true
    },
    resume() {
      this.paused = false
    },
  }
  constructor(cost: () => void) {
    super()
    this.#cost = cost
  }
  onData(_bytes: Uint8Array): void {
    this.delivered += 1
    this.#cost()
  }
}

test('what strangers send through a relay is read at their pace, and what members send at once', async () => {
  const clock = createVirtualClock()
  let aheadMs = 0
  let settle = (): void => undefined
  const running = { ...clock, nowMs: () => clock.nowMs() + aheadMs, after: clock.after.bind(clock) }
  const sockets = new PacedSockets(new PacedReads(new LoopTime(running, (end) => (settle = end)), running))
  sockets.prefer((peer) => peer === 'member')
  const relayed = (peer: string): RelayedConnection => {
    const connection = new RelayedConnection(() => {
      if (peer === 'stranger') aheadMs += limits.loopOfNetwork.savedMsMost + 8
    })
    sockets.watch(connection)
    sockets.authenticated(connection, peer)
    return connection
  }
  const [stranger, member] = [relayed('stranger'), relayed('member')]
  for (let times = 0; times < 2; times += 1) {
    for (const connection of [stranger, member]) connection.onData(new Uint8Array(9))
    settle()
  }
  await Promise.resolve()
  expect([stranger.delivered, stranger.stream.paused]).toEqual([1, true])
  expect([member.delivered, member.stream.paused]).toEqual([2, false])
  clock.advance(1000)
  expect([stranger.delivered, stranger.stream.paused]).toEqual([2, false])
})
