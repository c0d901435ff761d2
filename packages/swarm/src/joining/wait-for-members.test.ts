import { createVirtualClock, orAborted, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { swarmLimits } from '../limits.ts'
import { settle } from '../testing/virtual-time.ts'
import { waitForMembers } from './wait-for-members.ts'

const clock = createVirtualClock()
const untilAborted = (signal: AbortSignal): Promise<void> => orAborted(new Promise(() => undefined), signal)
const waiting = (
  connected: readonly string[],
  whenKnown: (signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> =>
  waitForMembers(
    { transport: { connected: () => connected }, view: { whenKnown }, clock, logger: silentLogger },
    signal,
  )

test('a node without connections does not wait', async () => {
  await waiting([], untilAborted)
})

test('a node waits for the members, for a limited time', async () => {
  await waiting(['a'], () => Promise.resolve())
  let over = false
  const known = waiting(['a'], untilAborted).then(() => (over = true))
  await settle()
  clock.advance(swarmLimits.membersTimeoutMs - 1)
  await settle()
  expect(over).toBe(false)
  clock.advance(1)
  await known
})

test('an abort ends the wait', async () => {
  const stopping = new AbortController()
  const known = expect(waiting(['a'], untilAborted, stopping.signal)).rejects.toThrow('enough')
  stopping.abort(new Error('enough'))
  await known
})
