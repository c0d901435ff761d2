import { expect, test } from 'vitest'
import { timesInCrowd } from './crowd-times.ts'
import { plainPlan, planWindows, type RouteTimes } from './window-plan.ts'

/** Two stages of 16 ms on one machine, of which a call of `answers` rows is under way anyway. */
const near = (answers: number): RouteTimes => {
  const stageMs = (rows: number): number => 16 + 2 * (rows - 1 + answers - 1)
  return {
    latencyMs: (rows) => 2 * stageMs(rows),
    intervalMs: stageMs,
    headMs: () => 0,
    draftMs: () => 0,
  }
}
const planOf = (answers: number, acceptance: number, times = near(answers)) =>
  planWindows(timesInCrowd(times, { answers, stagesMs: [16, 16] }), acceptance, 16)

test('one answer alone has its own times', () => {
  for (const acceptance of [0, 0.5, 0.9])
    expect(planOf(1, acceptance)).toEqual(planWindows(near(1), acceptance, 16))
})

test('drafts that pay for one answer alone are not sent where sixteen share the stages', () => {
  expect(planOf(1, 0.5)).not.toEqual(plainPlan)
  expect(planWindows(near(16), 0.5, 16)).not.toEqual(plainPlan)
  expect(planOf(16, 0.5)).toEqual(plainPlan)
})

test.each([1, 2, 4, 8, 16])('of %i answers, all gain by what one of them plans', (answers) => {
  for (const acceptance of [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.99]) {
    const { rows, windows } = planOf(answers, acceptance)
    const tokens = (1 - acceptance ** (rows * windows)) / (1 - acceptance)
    // With all windows of all answers in one call of each stage.
    const callMs = 16 + 2 * (answers * rows * windows - 1)
    const plainMs = 16 + 2 * (answers - 1)
    if (answers > 1 && windows === 1) expect(callMs / tokens).toBeLessThan(plainMs * 1.001)
  }
})

test('far away, where the stages have time, several answers draft', () => {
  const far: RouteTimes = { ...near(4), latencyMs: (rows) => 136 + 8 * (rows - 1) }
  const { rows, windows } = planOf(4, 0.8, far)
  expect(rows * windows).toBeGreaterThan(1)
})
