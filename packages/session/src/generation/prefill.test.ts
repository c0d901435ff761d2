import { expect, test } from 'vitest'
import { createFakeSwarm } from '../testing/fake-swarm.ts'
import { prefill, rowsFrom } from './prefill.ts'
import type { ForwardOptions, HiddenSession } from '../route/types.ts'

/** Says what it was asked, and lets the test answer. */
function createRecorder(): {
  session: HiddenSession
  calls: { rows: number; want: ForwardOptions['want']; finish(error?: Error): void }[]
} {
  const calls: ReturnType<typeof createRecorder>['calls'] = []
  const session: HiddenSession = {
    length: 0,
    failovers: 0,
    moves: 0,
    continuity: 'identical',
    route: () => [],
    close: async () => undefined,
    forward: (hidden, { want }) =>
      new Promise((resolve, reject) =>
        calls.push({
          rows: hidden.length,
          want,
          finish: (error) =>
            error === undefined
              ? resolve(want === 'none' ? new Float32Array(0) : hidden.slice(-1))
              : reject(error),
        }),
      ),
  }
  return { session, calls }
}
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
const rows = Float32Array.from({ length: 10 }, (_, i) => i)

test('no more steps than the window are under way, and only the last one answers a row', async () => {
  const { session, calls } = createRecorder()
  let read = 0
  const source = { rows: 10, read: (from: number, to: number) => ((read = to), rows.subarray(from, to)) }
  const done = prefill(session, source, { chunkRows: 3, window: 2 })
  await turns()
  expect([calls.length, read]).toEqual([2, 6])
  calls[0]!.finish()
  await turns()
  expect(calls.length).toBe(3)
  calls[1]!.finish()
  await turns()
  calls[2]!.finish()
  await turns()
  calls[3]!.finish()
  expect(await done).toEqual(Float32Array.of(9))
  expect(calls.map(({ rows, want }) => [rows, want])).toEqual([
    [3, 'none'],
    [3, 'none'],
    [3, 'none'],
    [1, 'last'],
  ])
})

test('the first failure in order is thrown, and no chunk is sent after it', async () => {
  const { session, calls } = createRecorder()
  const done = prefill(session, rowsFrom(rows, 1), { chunkRows: 2, window: 2 })
  const failed = expect(done).rejects.toThrow('first')
  await turns()
  calls[1]!.finish(new Error('second'))
  calls[0]!.finish(new Error('first'))
  await failed
  await turns()
  expect(calls).toHaveLength(2)
})

test('a failure is noticed before the window is full', async () => {
  const { session, calls } = createRecorder()
  const source = {
    rows: 10,
    async read(from: number, to: number) {
      calls[0]?.finish(new Error('first'))
      await turns()
      return rows.subarray(from, to)
    },
  }
  await expect(prefill(session, source, { chunkRows: 1, window: 100 })).rejects.toThrow('first')
  expect(calls).toHaveLength(2)
})

test('a cancelled prefill reads no more', async () => {
  const swarm = createFakeSwarm()
  const cancel = new AbortController()
  const reads: number[] = []
  const source = {
    rows: 100,
    read: (from: number, to: number) => {
      reads.push(from)
      if (from === 20) cancel.abort()
      return swarm.rows(to - from)
    },
  }
  await expect(
    prefill(await swarm.openLocal(), source, { chunkRows: 10, signal: cancel.signal }),
  ).rejects.toMatchObject({ code: 'cancelled' })
  expect(reads).toEqual([0, 10, 20])
})
