import { createVirtualClock, orAborted } from '@shoal/host'
import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { sessionTimes } from '../../route/limits.ts'
import { createFakeSwarm } from '../../testing/fake-swarm.ts'
import { requestsFor } from './open-requests.ts'
import { createOpening } from './opening-stages.ts'

test.each([
  ['4 s when other peers serve its blocks', true, 4_000, 'node-2'],
  ['15 s when nobody else does', false, 15_000, 'node-0'],
])('a stage that does not answer is waited for %s', async (_, othersServe, ms, blamed) => {
  const clock = createVirtualClock()
  const swarm = createFakeSwarm()
  const options = {
    session: 'a'.repeat(32),
    manifestId: 'b'.repeat(64),
    profile: 'f32',
    hiddenSize: 8,
    range: { start: 0, end: 6 },
    route: swarm.nodes.map(({ stage }) => stage),
    tokenBudget: 8,
  }
  const links = {
    join: () => undefined,
    leave: () => undefined,
    connect: (_peer: string, _addresses: readonly string[], signal: AbortSignal) =>
      orAborted(new Promise<never>(() => undefined), signal),
    close: () => Promise.resolve(),
  }
  const asked: string[] = []
  const opening = createOpening(
    {
      clock,
      links,
      times: sessionTimes,
      othersServe({ peer }) {
        asked.push(peer)
        return Promise.resolve(othersServe)
      },
    },
    requestsFor(options, 'self', [], 0, new Set()),
  )
  const failed = opening.run(new AbortController().signal).catch((error: unknown) => error)
  clock.advance(ms - 1)
  await settled()
  expect(opening.failure).toBeNull()
  clock.advance(1)
  expect(await failed).toMatchObject({
    peer: blamed,
    code: 'deadline-passed',
    message: expect.stringContaining(`within ${ms / 1000} s`) as unknown,
  })
  expect(asked).toEqual(['node-2'])
})
