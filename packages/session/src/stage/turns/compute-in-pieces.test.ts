import { expect, test } from 'vitest'
import { sessionLimits } from '../../route/limits.ts'
import { computeInPieces } from './compute-in-pieces.ts'
import { ComputeTurns } from './compute-turns.ts'

const columns = 2
const hidden = Float32Array.from({ length: 100 * columns }, (_, index) => index)

/** Computes a step of 100 rows from position 7, whose values are doubled. @returns the calls as `position:rows` */
async function compute(turns: ComputeTurns): Promise<readonly string[]> {
  const calls: string[] = []
  const output = await computeInPieces(turns, 'a', {
    hidden,
    rows: 100,
    position: 7,
    forward: (position, rows) => {
      calls.push(`${position}:${rows.length / columns}`)
      return Promise.resolve(rows.map((value) => 2 * value))
    },
  })
  expect(output).toEqual(hidden.map((value) => 2 * value))
  return calls
}

test('an owner that is alone has a step computed in one call', async () => {
  const turns = new ComputeTurns()
  turns.enter('a')
  turns.enter('a')
  expect(await compute(turns)).toEqual(['7:100'])
})

test('beside sessions of another owner a step is computed in pieces', async () => {
  const turns = new ComputeTurns()
  turns.enter('a')
  const leave = turns.enter('b')
  const { sharedPieceRows } = sessionLimits
  expect(await compute(turns)).toEqual(
    Array.from(
      { length: Math.ceil(100 / sharedPieceRows) },
      (_, index) =>
        `${7 + index * sharedPieceRows}:${Math.min(sharedPieceRows, 100 - index * sharedPieceRows)}`,
    ),
  )
  leave()
  expect(await compute(turns)).toEqual(['7:100'])
})
