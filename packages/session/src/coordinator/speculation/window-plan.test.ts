import { expect, test } from 'vitest'
import { plainPlan, planWindows } from './window-plan.ts'

/** Four stages of 9 ms and five hops of 20 ms; each further row costs a stage 2 ms. */
const farAway = {
  latencyMs: (rows: number): number => 136 + 8 * (rows - 1),
  intervalMs: (rows: number): number => 9 + 2 * (rows - 1),
}

test('drafts that are always wrong are not sent', () => {
  expect(planWindows(farAway, 0, 16)).toEqual(plainPlan)
})

test('drafts that are right fill the route', () => {
  const { rows, windows } = planWindows(farAway, 0.99, 16)
  expect(rows * windows).toBe(64)
})

test('windows are no longer than was tried', () => {
  expect(planWindows(farAway, 0.99, 4).rows).toBeLessThanOrEqual(4)
})

test('where a row costs as much as a step, one row a step is the best', () => {
  const near = {
    latencyMs: (rows: number): number => 10 * rows,
    intervalMs: (rows: number): number => 10 * rows,
  }
  expect(planWindows(near, 0.9, 16)).toEqual(plainPlan)
})
