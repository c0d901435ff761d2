import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { sessionLimits } from '../../route/limits.ts'
import { ComputeTurns } from './compute-turns.ts'

/** A runner that computes one call after the other, each row in one unit of time. */
function createBench(): {
  readonly turns: ComputeTurns
  readonly begun: string[]
  readonly ask: (owner: string, rows: number) => Promise<void>
  /** Ends the call that began first. */
  readonly end: () => Promise<void>
  readonly most: () => number
} {
  const begun: string[] = []
  const underWay: { rows: number; done: () => void }[] = []
  let most = 0
  const turns = new ComputeTurns()
  return {
    turns,
    begun,
    ask: (owner, rows) =>
      turns.run(owner, rows, () => {
        begun.push(owner)
        const call = Promise.withResolvers<void>()
        underWay.push({ rows, done: call.resolve })
        most = Math.max(
          most,
          underWay.reduce((sum, one) => sum + one.rows, 0),
        )
        return call.promise
      }),
    end: async () => {
      underWay.shift()?.done()
      await settled(5)
    },
    most: () => most,
  }
}

test('steps of one row begin at once, whoever sends them', () => {
  const { begun, ask } = createBench()
  for (let user = 0; user < 16; user += 1) void ask(`user-${user}`, 1)
  expect(begun).toHaveLength(16)
})

test('an owner with sixty large steps has two under way, and the row of another one is given to the runner at once', async () => {
  const { begun, ask, end, most } = createBench()
  for (let step = 0; step < 60; step += 1) void ask('greedy', 512)
  void ask('modest', 1)
  expect(begun).toEqual(['greedy', 'greedy', 'modest'])
  await end()
  expect(begun).toEqual(['greedy', 'greedy', 'modest', 'greedy'])
  expect(most()).toBe(2 * 512 + 1)
})

test('steps of prompts that wait do not hold up the answers of the same owner, and these do not hold up prompts', async () => {
  const { begun, ask, end, most } = createBench()
  for (const rows of [128, 128, 128, 1, 1]) void ask('a', rows)
  expect(begun).toHaveLength(4)
  await end()
  expect(begun).toHaveLength(5)
  expect(most()).toBe(2 * 128 + 2)
})

test('beside others, an owner has as many rows of answers under way as a piece has, or two calls at ranks', () => {
  for (const [sharesCalls, count] of [
    [true, sessionLimits.sharedPieceRows],
    [false, sessionLimits.callsUnderWay],
  ] as const) {
    const turns = new ComputeTurns(sharesCalls)
    turns.enter('a')
    turns.enter('b')
    let begun = 0
    for (let step = 0; step < 40; step += 1)
      void turns.run('a', 1, () => {
        begun += 1
        return new Promise(() => undefined)
      })
    expect(begun).toBe(count)
  }
})

test('where others have sessions, a large owner has one piece under way, and another one waits for that only', async () => {
  const { turns, begun, ask, end, most } = createBench()
  turns.enter('greedy')
  turns.enter('modest')
  const { sharedPieceRows } = sessionLimits
  for (let piece = 0; piece < 60; piece += 1) void ask('greedy', sharedPieceRows)
  expect(begun).toEqual(['greedy'])
  void ask('modest', 1)
  void ask('modest', 1)
  expect(begun).toEqual(['greedy', 'modest', 'modest'])
  await end()
  expect(begun).toEqual(['greedy', 'modest', 'modest', 'greedy'])
  expect(most()).toBe(sharedPieceRows + 2)
})

test('two owners that always have steps get equal numbers of rows, whatever the sizes of their steps', async () => {
  const { begun, ask, end } = createBench()
  for (let step = 0; step < 20; step += 1) void ask('large', 256)
  for (let step = 0; step < 80; step += 1) void ask('small', 64)
  for (let ended = 0; ended < 50; ended += 1) await end()
  const rows = { large: 0, small: 0 }
  for (const owner of begun) rows[owner === 'large' ? 'large' : 'small'] += owner === 'large' ? 256 : 64
  expect(Math.abs(rows.large - rows.small)).toBeLessThanOrEqual(512)
})

test('an owner that comes back after a pause has saved no turns', async () => {
  const { begun, ask, end } = createBench()
  void ask('returning', 1)
  await end()
  for (let step = 0; step < 10; step += 1) void ask('steady', 512)
  for (let ended = 0; ended < 4; ended += 1) await end()
  begun.length = 0
  for (let step = 0; step < 10; step += 1) void ask('returning', 512)
  for (let ended = 0; ended < 6; ended += 1) await end()
  expect(begun.filter((owner) => owner === 'steady').length).toBeGreaterThanOrEqual(2)
})

test('a call that fails gives its place to the next one', async () => {
  const { turns, begun, ask } = createBench()
  const failed = [1, 2].map(() => turns.run('a', 512, () => Promise.reject(new Error('no'))))
  void ask('b', 512)
  expect(await Promise.allSettled(failed)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
  await settled(5)
  expect(begun).toEqual(['b'])
})
