import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShoalError } from './errors.ts'
import { createSerialQueue } from './serial-queue.ts'
import { settled } from './testing/settled.ts'
import { createVirtualClock } from './virtual-clock.ts'
import { sleep } from './clock.ts'

test('tasks run one at a time, in the order in which they were added, whatever fails or is skipped', async () => {
  const task = fc.record({
    durationMs: fc.nat(5),
    ends: fc.constantFrom('resolves', 'rejects', 'throws', 'is skipped'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(task, { maxLength: 12 }), async (tasks) => {
      const clock = createVirtualClock()
      const queue = createSerialQueue()
      const log: string[] = []
      let running = 0
      const results = tasks.map(({ durationMs, ends }, index) =>
        queue
          .run(
            () => {
              if (ends === 'throws') {
                log.push(`${index} throws`)
                throw new Error(`${index}`)
              }
              running += 1
              expect(running).toBe(1)
              return sleep(clock, durationMs).then(() => {
                running -= 1
                log.push(`${index} ${ends}`)
                if (ends === 'rejects') throw new Error(`${index}`)
                return index
              })
            },
            ends === 'is skipped' ? AbortSignal.abort() : undefined,
          )
          .catch((error: unknown) => (error instanceof ShoalError ? error.code : String(error))),
      )
      let over = false
      const all = queue.settled().then(() => (over = true))
      for (let turn = 0; turn < 200 && !over; turn += 1) {
        await settled(10)
        clock.step()
      }
      await all
      expect(log).toEqual(
        tasks.flatMap(({ ends }, index) => (ends === 'is skipped' ? [] : [`${index} ${ends}`])),
      )
      expect(await Promise.all(results)).toEqual(
        tasks.map(({ ends }, index) =>
          ends === 'resolves' ? index : ends === 'is skipped' ? 'cancelled' : `Error: ${index}`,
        ),
      )
    }),
    { numRuns: 50 },
  )
})

test('a task that is aborted while it waits is skipped; one that has begun is not', async () => {
  const queue = createSerialQueue()
  const first = Promise.withResolvers<string>()
  const controller = new AbortController()
  const begun = queue.run(() => first.promise, controller.signal)
  let ran = false
  const waiting = queue.run(() => (ran = true), controller.signal)
  await settled(10)
  controller.abort(new ShoalError('stale-epoch', 'the route was replaced'))
  first.resolve('done')
  expect(await begun).toBe('done')
  await expect(waiting).rejects.toMatchObject({ code: 'stale-epoch' })
  expect(ran).toBe(false)
})

test('the queue adds no rejection of its own to the one that its caller handles', async () => {
  const queue = createSerialQueue()
  const failed = queue.run(() => Promise.reject(new Error('broken')))
  // An unhandled rejection would fail this test file: here the only handler is the caller's.
  await expect(failed).rejects.toThrow('broken')
  await queue.settled()
  expect(await queue.run(() => 'next')).toBe('next')
})

test('a queue keeps nothing of the tasks that have settled', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const queue = createSerialQueue()
  const results: WeakRef<object>[] = []
  for (let index = 0; index < 20; index += 1) {
    await queue.run(() => {
      const result = { index }
      results.push(new WeakRef(result))
      return result
    })
  }
  // A weak reference that was made in this turn of the event loop holds until the next.
  await nextTurn()
  collect()
  expect(results.filter((result) => result.deref() !== undefined)).toEqual([])
  expect(await queue.run(() => 'next')).toBe('next')
})
