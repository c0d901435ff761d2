import { expect, test } from 'vitest'
import { lineThrough } from './calibrate.ts'

test.each([
  ['points on a line', [[16, 1016], [512, 1512], [1536, 2536]], 1000, 1024],
  ['noise about one', [[0, 990], [512, 1530], [1024, 2004]], 1001, 1014],
  ['a cache that costs nothing', [[16, 700], [512, 700]], 700, 0],
  ['noise that falls', [[16, 800], [512, 700], [1536, 600]], 700, 0],
  ['a single point', [[16, 640]], 640, 0],
] as const)('%s', (_name, points, atZero, per1024) => {
  const line = lineThrough(points.map(([past, micros]) => ({ past, micros })))
  expect(line).toEqual({ decodeMicrosPerBlock: atZero, decodeMicrosPer1024Past: per1024 })
})
