import { expect, test } from 'vitest'
import { sessionLimits } from './limits.ts'
import { createLosses } from './losses.ts'

// A site of 60 nodes at four was cut off: the third of a route of ten stages was gone, and nine who stood in for it.
test.each([
  ['one stage', 1, sessionLimits.maxRepairs],
  ['four stages', 4, sessionLimits.maxRepairs],
  ['a dozen stages', 12, 24],
])('a route of %s is repaired so often in a row, and again after an answered step', (_, stages, most) => {
  const losses = createLosses()
  for (const round of [1, 2]) {
    for (let attempt = 1; attempt <= most; attempt += 1) losses.countAttempt(stages)
    expect(() => losses.countAttempt(stages), `round ${round}`).toThrow(`${most + 1} times in a row`)
    losses.progress()
  }
})
