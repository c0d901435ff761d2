import { createVirtualClock } from '@shoal/host'
import type { SessionMessage } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { createFailoverBench } from '../testing/fake-failover.ts'
import type { Outbox } from './outbox.ts'
import { sessionLimits, sessionTimes } from '../route/limits.ts'
import { RepeatedCloses } from './repeated-closes.ts'

function outboxOf(peer: string): Outbox & { readonly sent: string[] } {
  const sent: string[] = []
  return {
    peer,
    sent,
    closed: false,
    send: () => Promise.resolve(),
    post: (message: SessionMessage) => void sent.push('session' in message ? message.session : message.type),
    abort: () => undefined,
  }
}

const close = (session: string) => ({ type: 'close', session, start: null }) as const

test('what was closed on one channel is closed again on the next one to the same peer, once', () => {
  const closes = new RepeatedCloses(createVirtualClock(), sessionTimes)
  const [former, next, other] = [outboxOf('a'), outboxOf('a'), outboxOf('b')]
  closes.repeat(former)
  closes.close(former, close('s'))
  closes.repeat(former)
  closes.repeat(other)
  closes.repeat(next)
  closes.repeat(next)
  expect([former.sent, next.sent, other.sent]).toEqual([['s'], ['s'], []])
})

test('closes are forgotten when the stage has freed the session by itself, and beyond the sessions of one peer', () => {
  const clock = createVirtualClock()
  const closes = new RepeatedCloses(clock, sessionTimes)
  const [former, next, last] = [outboxOf('a'), outboxOf('a'), outboxOf('a')]
  const most = sessionLimits.maxSessionsPerPeer
  for (let session = 0; session <= most; session += 1) closes.close(former, close(`${session}`))
  closes.repeat(next)
  expect([next.sent.length, next.sent[0]]).toEqual([most, '1'])
  clock.advance(sessionTimes.idleMs)
  closes.repeat(last)
  expect(last.sent).toEqual([])
})

test('peers that are not reached again are forgotten', () => {
  const clock = createVirtualClock()
  const closes = new RepeatedCloses(clock, sessionTimes)
  for (let peer = 0; peer < 100; peer += 1) closes.close(outboxOf(`${peer}`), close('s'))
  expect(closes.peers).toBe(100)
  clock.advance(sessionTimes.idleMs)
  closes.close(outboxOf('next'), close('s'))
  expect(closes.peers).toBe(1)
})

test('a stage that was lost with its link frees the session when its coordinator comes back, and not minutes later', async () => {
  const { swarm, session } = await createFailoverBench([0, 6])
  await swarm.finished(session.forward(swarm.rows(3), { want: 'last' }))
  const [lost] = swarm.nodes
  swarm.network.cut('coordinator', lost!.peer)
  await swarm.finished(session.forward(swarm.rows(1), { want: 'last' }))
  swarm.network.heal('coordinator', lost!.peer)
  expect(lost!.host.sessions()).toBe(1)
  // A stage that is in touch with its coordinator keeps a session for `idleMs`, so that others find no room there.
  const another = await swarm.finished(swarm.open())
  await swarm.advance(10)
  expect(lost!.host.sessions()).toBe(1)
  await another.close()
  await swarm.advance(10)
  expect(lost!.host.sessions()).toBe(0)
})
