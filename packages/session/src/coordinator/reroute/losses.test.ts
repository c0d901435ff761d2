import { expect, test } from 'vitest'
import { sessionLimits } from '../../route/limits.ts'
import { createLosses } from './losses.ts'
import { StageError } from '../../route/stage-error.ts'

// A site of 100 nodes at four was cut off: of a route of five stages, and of those who stood in for them, eleven were gone.
test.each([1, 5, 12])(
  'a route of %i stages is repaired so often in a row, and as often again after an answered step',
  (stages) => {
    const losses = createLosses()
    const most = stages * sessionLimits.maxRepairsPerStage
    for (const round of [1, 2]) {
      for (let attempt = 1; attempt <= most; attempt += 1) losses.countAttempt(stages)
      expect(() => losses.countAttempt(stages), `round ${round}`).toThrow(`${most + 1} times in a row`)
      losses.progress()
    }
  },
)

const refusedRows = (peer: string, start: number, end: number): StageError =>
  new StageError({ peer, range: { start, end }, incarnation: 1 }, 'bad-frame', 'non-finite hidden states')

test('the model is at fault when three peers in a row send NaN for the same block', () => {
  const losses = createLosses()
  expect(
    [refusedRows('a', 0, 4), refusedRows('b', 2, 6), refusedRows('c', 3, 5)].map((error) =>
      losses.movable(error),
    ),
  ).toEqual([true, true, false])
  losses.progress()
  expect(losses.movable(refusedRows('d', 3, 5))).toBe(true)
})

test('peers that send NaN for different blocks are broken peers, and each is replaced', () => {
  const losses = createLosses()
  expect(
    [refusedRows('a', 0, 4), refusedRows('b', 4, 6), refusedRows('c', 6, 9), refusedRows('d', 9, 12)].every(
      (error) => losses.movable(error),
    ),
  ).toBe(true)
})
