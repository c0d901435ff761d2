import { expect, test } from 'vitest'
import { decideStep, type StageState, type StepDecision } from './step-rules.ts'

/** Ten rows: step 0 made 0 to 3, step 2 made 4 to 8, step 3 made 9; step 1 was rewound. */
const state: StageState = {
  epoch: 2,
  length: 10,
  tokenBudget: 20,
  lastStep: 3,
  sent: (step) =>
    [
      { step: 0, position: 0, rows: 4 },
      { step: 2, position: 4, rows: 5 },
      { step: 3, position: 9, rows: 1 },
    ].find((entry) => entry.step === step),
}
const next = { epoch: 2, position: 10, rows: 1, step: 4, rewind: false }

const table: readonly [string, Partial<typeof next>, string][] = [
  ['the next row', {}, 'compute null'],
  ['the next rows to the end of the budget', { rows: 10 }, 'compute null'],
  ['one row over the budget', { rows: 11 }, 'refuse limit-exceeded'],
  ['the next row that may rewind', { rewind: true }, 'compute null'],
  ['a rewind', { position: 7, rewind: true }, 'compute 7'],
  ['a rewind to the beginning', { position: 0, rewind: true }, 'compute 0'],
  ['an earlier position without rewind', { position: 9 }, 'refuse wrong-position'],
  ['a skipped row', { position: 11 }, 'refuse wrong-position'],
  ['a skipped row that may rewind', { position: 11, rewind: true }, 'refuse wrong-position'],
  ['the last step again', { step: 3, position: 9 }, 'answer'],
  ['an earlier step again', { step: 2, position: 4, rows: 5 }, 'answer'],
  ['a rewinding step again does not rewind twice', { step: 2, position: 4, rows: 5, rewind: true }, 'answer'],
  ['an earlier step elsewhere', { step: 2, position: 5, rows: 5 }, 'refuse wrong-position'],
  ['an earlier step with other rows', { step: 2, position: 4, rows: 4 }, 'refuse wrong-position'],
  ['a step that was rewound, late', { step: 1, position: 10 }, 'refuse wrong-position'],
  [
    'a step that was rewound, late and rewinding',
    { step: 1, position: 4, rewind: true },
    'refuse wrong-position',
  ],
  ['a step number that skips', { step: 9 }, 'compute null'],
  ['an old epoch', { epoch: 1 }, 'refuse stale-epoch'],
  ['an old epoch of a step seen', { epoch: 1, step: 3, position: 9 }, 'refuse stale-epoch'],
  ['an epoch to come', { epoch: 3 }, 'refuse bad-request'],
  ['no rows', { rows: 0 }, 'refuse limit-exceeded'],
  ['too many rows', { rows: 513, position: 0, rewind: true }, 'refuse limit-exceeded'],
]

const show = (decision: StepDecision): string => {
  if (decision.kind === 'compute') return `compute ${decision.truncateTo}`
  return decision.kind === 'refuse' ? `refuse ${decision.code}` : 'answer'
}

test.each(table)('%s', (_, change, expected) => {
  expect(show(decideStep(state, { ...next, ...change }))).toBe(expected)
})

test('a refusal names what was expected and what came', () => {
  expect(decideStep(state, { ...next, position: 12 })).toMatchObject({
    message: 'step 4 starts at position 12, but only 10 are here',
  })
  expect(decideStep(state, { ...next, step: 2, position: 5, rows: 5 })).toMatchObject({
    message: 'step 2 was positions 4 to 8 and comes again as positions 5 to 9',
  })
})
