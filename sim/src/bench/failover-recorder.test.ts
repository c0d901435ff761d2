import { expect, test } from 'vitest'
import { createFailoverRecorder } from './failover-recorder.ts'

test('the recorder has the times of a loss and its repair, and the peers of the first route', () => {
  const recorder = createFailoverRecorder()
  const { logger } = recorder
  logger.debug('session-started', {
    stages: ['blocks 0 to 1 at 12D3KooA: 9f3c', 'block 2 at 12D3KooB: none'],
  })
  logger.child({ of: 'the session' }).warn('stage-lost')
  logger.warn('stage-lost')
  logger.info('route-repaired', { kept: [5, 0], rows: 5 })
  expect(recorder.peers()).toEqual(['12D3KooA', '12D3KooB'])
  expect(recorder.fields('route-repaired')).toEqual({ kept: [5, 0], rows: 5 })
  const [first, last] = [recorder.firstMs('stage-lost', 0)!, recorder.lastMs('stage-lost', 0)!]
  expect(first).toBeLessThanOrEqual(last)
  // Events before the signal do not count.
  expect(recorder.firstMs('stage-lost', last + 1)).toBeNull()
  expect(recorder.lastMs('route-repaired', Number.MAX_SAFE_INTEGER)).toBeNull()
  recorder.clear()
  expect(recorder.peers()).toEqual([])
  expect(recorder.fields('route-repaired')).toBeNull()
})
