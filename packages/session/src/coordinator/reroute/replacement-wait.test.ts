import { createVirtualClock, ShoalError } from '@shoal/host'
import { expect, test } from 'vitest'
import { settled } from '@shoal/host/testing'
import { createReplacementWait } from './replacement-wait.ts'

const { signal } = new AbortController()

/** The length of each pause between two looks, and the error that ends the wait. */
async function waits(replacementWaitMs: number): Promise<{ pausesMs: number[]; error: unknown }> {
  const clock = createVirtualClock()
  const replacementWait = createReplacementWait(clock, { replacementWaitMs, roomWaitMs: 5_000 })
  const pausesMs: number[] = []
  for (;;) {
    const startMs = clock.nowMs()
    let over = false
    const waiting = replacementWait.wait(new Error('nobody has block 3'), signal).finally(() => (over = true))
    waiting.catch(() => undefined)
    await settled(5)
    while (!over) {
      clock.advance(1)
      await settled(5)
    }
    const error: unknown = await waiting.then(
      () => null,
      (reason: unknown) => reason,
    )
    if (error !== null) return { pausesMs, error }
    pausesMs.push(clock.nowMs() - startMs)
  }
}

test('intervals between looks double up to a second, and the last look is at the end of the wait', async () => {
  const { pausesMs, error } = await waits(3_000)
  expect(pausesMs).toEqual([100, 200, 400, 800, 1000, 500])
  expect(error).toBeInstanceOf(ShoalError)
  expect(error).toMatchObject({ code: 'no-route', message: 'nobody has block 3 (waited 3 s)' })
})

test('a replacement wait of 0 ms gives up at once', async () => {
  expect((await waits(0)).pausesMs).toEqual([])
})

test('an answered step resets the wait, and an abort ends it', async () => {
  const clock = createVirtualClock()
  const replacementWait = createReplacementWait(clock, { replacementWaitMs: 1000, roomWaitMs: 5_000 })
  const giveUp = new AbortController()
  const waiting = replacementWait.wait(new Error('nobody'), giveUp.signal)
  expect(replacementWait.waiting).toBe(true)
  giveUp.abort(new ShoalError('cancelled', 'enough'))
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  replacementWait.reset()
  expect(replacementWait.waiting).toBe(false)
})
