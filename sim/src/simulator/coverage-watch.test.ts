import { expect, test } from 'vitest'
import { createCoverageWatch } from './coverage-watch.ts'

test('who moves away from a block that nobody else serves is found, and who dies is not blamed on anybody', () => {
  const watch = createCoverageWatch()
  expect(watch.serves('a', { start: 0, end: 4 })).toEqual([])
  expect(watch.serves('b', { start: 2, end: 6 })).toEqual([])
  expect(watch.serves('a', { start: 1, end: 5 })).toEqual([0])
  watch.gone('b')
  expect(watch.serves('c', { start: 5, end: 6 })).toEqual([])
  expect(watch.serves('a', { start: 3, end: 6 })).toEqual([1, 2])
  expect(watch.serves('a', null)).toEqual([3, 4])
  expect(watch.serves('c', { start: 5, end: 6 })).toEqual([])
})
