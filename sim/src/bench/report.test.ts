import { describe, expect, it } from 'vitest'
import { median, medians, quantile, ratios, round } from './report.ts'

describe('statistics of a bench', () => {
  it.each([
    [[3, 1, 2], 2],
    [[1, 2, 3, 4], 2.5],
    [[7], 7],
  ])('median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('interpolates quantiles', () => {
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9)
    expect(quantile([], 0.5)).toBeNaN()
  })

  it('divides pair by pair', () => {
    expect(ratios([2, 9], [4, 3, 1])).toEqual([0.5, 3])
  })

  it('rounds to four digits', () => {
    expect(round(28.69512)).toBe(28.7)
    expect(medians({ a: [1, 2, 3] })).toEqual({ a: 2 })
  })
})
