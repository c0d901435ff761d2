import { expect, test } from 'vitest'
import { createCoverageWatch } from './coverage-watch.ts'

test('a move that leaves a block unserved is found, and a death is blamed on no node', () => {
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
