import { createVirtualClock, silentLogger } from '@shoal/host'
import { expect, test } from 'vitest'
import { retryAfterMs } from './hub-answers.ts'
import { retrying, waitBefore } from './retry.ts'
import { TransientError } from './transient-error.ts'

const busy = (retryAfter: number | null): TransientError =>
  new TransientError('not-ready', 'busy', { status: 503, retryAfterMs: retryAfter })

test.each([
  [1, null, 500],
  [4, null, 4000],
  [5, null, null],
  [1, 0, 500],
  [1, 60_000, 60_000],
  [1, 60_001, null],
])('after failed attempt %i and Retry-After %s the wait is %s ms', (attempt, retryAfter, waitMs) => {
  expect(waitBefore(attempt, busy(retryAfter))).toBe(waitMs)
})

const date = 'Tue, 01 Dec 2026 20:00:00 GMT'
test.each([
  [{}, null],
  [{ 'retry-after': '7' }, 7000],
  [{ 'retry-after': 'soon' }, null],
  [{ 'retry-after': '-1' }, null],
  [{ 'retry-after': 'Tue, 01 Dec 2026 20:00:05 GMT', date }, 5000],
  [{ 'retry-after': 'Tue, 01 Dec 2026 19:59:55 GMT', date }, 0],
  [{ 'retry-after': 'Tue, 01 Dec 2026 20:00:05 GMT' }, null],
])('the headers %j ask for a wait of %s ms', (headers, waitMs) => {
  expect(retryAfterMs(new Headers(headers))).toBe(waitMs)
})

test('an attempt that brought bytes begins the count of attempts anew', async () => {
  const clock = createVirtualClock()
  const waits: unknown[] = []
  const logger = { ...silentLogger, warn: (_event: string, fields = {}) => void waits.push(fields) }
  let have = 0
  const done = retrying(
    { clock, logger },
    { what: 'org/name', withToken: true, signal: undefined, progress: () => have },
    async () => {
      have += have < 2 ? 1 : 0
      throw busy(null)
    },
  )
  const failed = expect(done).rejects.toThrow(/^org\/name: busy \(tried 5 times\); try again later/)
  for (let turn = 0; turn < 100; turn += 1) {
    await Promise.resolve()
    clock.step()
  }
  await failed
  expect(waits).toEqual(
    [500, 500, 1000, 2000, 4000].map((waitMs, index) =>
      expect.objectContaining({ waitMs, attempt: Math.max(1, index) }),
    ),
  )
})
