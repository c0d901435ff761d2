import { createVirtualClock, ShoalError } from '@shoal/host'
import { describe, expect, test } from 'vitest'
import { swarmLimits } from '../../limits.ts'
import { settle } from '../../testing/virtual-time.ts'
import { retryWhileNobodyHas } from './retry-while-nobody-has.ts'

const nobody = (): Promise<never> => Promise.reject(new ShoalError('not-found', 'nobody is connected'))

async function pass(clock: ReturnType<typeof createVirtualClock>, durationMs: number): Promise<void> {
  for (let leftMs = durationMs; leftMs > 0; leftMs -= 100) {
    await settle(10)
    clock.advance(100)
  }
  await settle(10)
}

describe('while nobody has the weights', () => {
  test('they are asked for until a holder comes', async () => {
    const clock = createVirtualClock()
    let holders = 0
    const fetched = retryWhileNobodyHas(clock, () => (holders === 0 ? nobody() : Promise.resolve('weights')))
    await pass(clock, swarmLimits.weightsPatienceMs / 2)
    holders = 1
    await pass(clock, swarmLimits.weightsRetryMs)
    expect(await fetched).toBe('weights')
  })

  test('and not for ever', async () => {
    const clock = createVirtualClock()
    const fetched = expect(retryWhileNobodyHas(clock, nobody)).rejects.toMatchObject({ code: 'not-found' })
    await pass(clock, swarmLimits.weightsPatienceMs + 2 * swarmLimits.weightsRetryMs)
    await fetched
  })

  test('another failure is told at once', async () => {
    const full = new ShoalError('disk-full', 'no room')
    await expect(retryWhileNobodyHas(createVirtualClock(), () => Promise.reject(full))).rejects.toBe(full)
  })

  test('whoever asked may give up', async () => {
    const clock = createVirtualClock()
    const caller = new AbortController()
    const fetched = expect(retryWhileNobodyHas(clock, nobody, caller.signal)).rejects.toThrow('enough')
    await settle(10)
    caller.abort(new Error('enough'))
    await fetched
  })
})
