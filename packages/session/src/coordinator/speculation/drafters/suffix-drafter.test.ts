import { expect, test } from 'vitest'
import { SuffixDrafter } from './suffix-drafter.ts'

function after(...text: number[]): SuffixDrafter {
  const drafter = new SuffixDrafter()
  for (const tokenId of text) drafter.append(tokenId)
  return drafter
}

test('nothing is drafted for a text without repetition', () => {
  expect(after(1, 2, 3, 4, 5).draft([], 4)).toEqual([])
})

test('what followed the last occurrence of the last three tokens is drafted, behind earlier drafts too', () => {
  const drafter = after(1, 2, 3, 4, 5, 6, 9, 1, 2, 3)
  expect(drafter.draft([], 3)).toEqual([4, 5, 6])
  expect(drafter.draft([4, 5, 6], 2)).toEqual([9, 1])
})

test('a loop goes on into its own drafts', () => {
  expect(after(7, 8, 7, 8, 7, 8, 7).draft([], 6)).toEqual([8, 7, 8, 7, 8, 7])
})

test('behind a token that was replaced, the same place is followed', () => {
  const drafter = after(1, 2, 3, 4, 5, 6, 9, 1, 2, 3)
  drafter.append(40)
  expect([drafter.kind, drafter.draft([], 2)]).toEqual([0, [5, 6]])
  drafter.append(5)
  expect([drafter.kind, drafter.draft([], 2)]).toEqual([1, [6, 9]])
})
