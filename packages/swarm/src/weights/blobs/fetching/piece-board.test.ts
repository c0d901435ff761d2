import type { ManifestTensor } from '@shoal/model'
import type { Piece } from '@shoal/model/node'
import { expect, test } from 'vitest'
import { blobLimits } from '../limits.ts'
import { createPieceBoard, nextWindow } from './piece-board.ts'
import { createTensorTrials } from './tensor-trials.ts'

const tensorOf = (name: string): ManifestTensor => ({
  name,
  type: 'u8',
  shape: [8],
  offset: 0,
  bytes: 8,
  sha256: name,
})
const [t, u] = [tensorOf('t'), tensorOf('u')]
const pieces: Piece[] = [t, t, u, u].map((tensor, index) => ({
  index,
  tensor,
  offset: (index % 2) * 4,
  bytes: 4,
}))
const boardOf = (): ReturnType<typeof createPieceBoard> => createPieceBoard(pieces, () => [])

test('each piece goes to one peer, and to another when it is given back', () => {
  const board = boardOf()
  expect(
    [board.take('a', 0), board.take('b', 0), board.take('a', 0), board.take('a', 0), board.take('b', 0)].map(
      (piece) => piece?.index,
    ),
  ).toEqual([0, 1, 2, 3, undefined])
  board.giveBack(pieces[1]!, 'b')
  expect(board.take('a', 0)?.index).toBe(1)
  for (const piece of pieces) board.done(piece)
  expect(board.remaining).toBe(0)
})

test('a late piece goes to a second peer, never to a third; the first answer counts', () => {
  const board = boardOf()
  for (let i = 0; i < 4; i += 1) board.take('slow', i)
  expect(board.nextHedgeMs(10)).toBe(blobLimits.hedgeAfterMs - 10)
  expect(board.take('quick', blobLimits.hedgeAfterMs - 1)).toBeNull()
  expect(board.take('quick', blobLimits.hedgeAfterMs)?.index).toBe(0)
  expect(board.take('slow', blobLimits.hedgeAfterMs)).toBeNull()
  expect(board.take('third', blobLimits.hedgeAfterMs)).toBeNull()
  expect(board.accepts(pieces[0]!, 'slow')).toBe(true)
  board.done(pieces[0]!)
  expect(board.accepts(pieces[0]!, 'quick')).toBe(false)
  expect(board.nextHedgeMs(9 * blobLimits.hedgeAfterMs)).toBeNull()
})

test('a suspect tensor comes from one peer; another takes over when that is gone', () => {
  const board = boardOf()
  board.suspect('t', 'a')
  expect(board.take('b', 0)?.tensor.name).toBe('u')
  expect(board.take('a', 0)?.index).toBe(0)
  board.giveBack(pieces[0]!, 'a')
  board.forget('a')
  expect(board.take('b', 0)?.index).toBe(0)
  expect(board.take('a', 0)?.index).toBe(3)
  expect(board.take('a', 0)).toBeNull()
})

test('a new sole peer takes over the pieces that others brought', () => {
  const asked: string[] = []
  const board = createPieceBoard(pieces.slice(1), (tensor, peer) => {
    asked.push(`${tensor} ${peer}`)
    return [pieces[0]!]
  })
  board.suspect('t', null)
  expect(board.take('b', 0)?.index).toBe(1)
  expect(asked).toEqual(['t b'])
  expect(board.remaining).toBe(4)
})

test('an excluded peer gets nothing of that tensor, and cannot be its sole sender', () => {
  const board = boardOf()
  board.exclude('t', 'liar')
  board.suspect('t', 'liar')
  expect(board.take('liar', 0)?.tensor.name).toBe('u')
  expect(board.take('a', 0)?.index).toBe(0)
})

test.each([
  [1, 10, 2],
  [blobLimits.piecesInFlight, 10, blobLimits.piecesInFlight],
  [8, blobLimits.slowPieceMs, 4],
  [1, blobLimits.slowPieceMs, 1],
])('a window of %i whose last piece took %i ms becomes %i', (window, elapsedMs, expected) => {
  expect(nextWindow(window, elapsedMs)).toBe(expected)
})

test('who sent wrong pieces is known at once from one sender, and from several when the right ones are', () => {
  const trials = createTensorTrials()
  expect(
    trials.wrong('t', [
      { sha256: '1', from: 'a' },
      { sha256: '2', from: 'a' },
    ]),
  ).toBe('a')
  expect(
    trials.wrong('u', [
      { sha256: '1', from: 'a' },
      { sha256: 'wrong', from: 'b' },
    ]),
  ).toBeNull()
  expect(
    trials.right('u', [
      { sha256: '1', from: 'c' },
      { sha256: '2', from: 'c' },
    ]),
  ).toEqual(['b'])
  expect(
    trials.right('u', [
      { sha256: '9', from: 'c' },
      { sha256: '9', from: 'c' },
    ]),
  ).toEqual([])
})
