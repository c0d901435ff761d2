import { expect, test } from 'vitest'
import { createFetchTurns } from './fetch-turns.ts'

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  )

test('urgent work interrupts background work, and begins when that has ended', async () => {
  const turns = createFetchTurns()
  const order: string[] = []
  const background = turns
    .background(untilAborted, new AbortController().signal)
    .finally(() => order.push('background'))
  const ended = expect(background).rejects.toMatchObject({ code: 'cancelled' })
  await Promise.resolve()
  await turns.urgent(async () => void order.push('urgent'))
  await ended
  expect(order).toEqual(['background', 'urgent'])
})

test('background work that was queued before urgent work does not begin while that waits', async () => {
  const turns = createFetchTurns()
  const first = Promise.withResolvers<void>()
  const running = turns.urgent(() => first.promise)
  let began = false
  const background = turns.background(async () => void (began = true), new AbortController().signal)
  const ended = expect(background).rejects.toMatchObject({ code: 'cancelled' })
  const second = turns.urgent(async () => undefined)
  first.resolve()
  await Promise.all([running, second, ended])
  expect(began).toBe(false)
  await turns.background(async () => void (began = true), new AbortController().signal)
  expect(began).toBe(true)
})
