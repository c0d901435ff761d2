import { createVirtualClock, ShoalError } from '@shoal/host'
import { expect, test } from 'vitest'
import type { ComputeEngine } from '../engine/compute-engine.ts'
import { ForwardProgress } from '../engine/requests/shared-forward.ts'
import { answerRequests } from './answer-requests.ts'
import type { CallReply, CallRequest } from './compute-calls.ts'

const forward = (id: number, session: string, rows = 1): CallRequest => ({
  id,
  name: 'forward',
  arguments: { span: 1, session, position: 0, hidden: new Float32Array(rows) },
})

/** An engine with rows of one column that notes which sessions it computes together, 64 rows of each at most. */
function listen(
  nextTurn: () => Promise<void>,
  clock = createVirtualClock(),
): {
  readonly calls: string[]
  readonly replies: CallReply[]
  readonly take: (request: CallRequest) => void
} {
  const calls: string[] = []
  const replies: CallReply[] = []
  const engine: ComputeEngine = {
    call: () => Promise.reject(new Error('no other calls')),
    placeOf: (request) => {
      if (request.name !== 'forward') return { kind: 'barrier' }
      return { kind: 'rows', lane: request.arguments.session, group: '1', together: true }
    },
    progressOf: (fields) => new ForwardProgress(fields, 1),
    forwardShared(requests) {
      calls.push(requests.map(({ fields }) => fields.session).join(' '))
      return requests.map((progress) => {
        if (progress.fields.session === 'unknown')
          return { error: new ShoalError('unknown-session', 'no such session') }
        const hidden = progress.add(new Float32Array(Math.min(64, progress.rowsLeft)))
        return hidden === null ? null : { result: { hidden, keyValueBytes: 4 } }
      })
    },
    logitsShared: () => [],
  }
  return { calls, replies, take: answerRequests(engine, (reply) => replies.push(reply), nextTurn, clock) }
}

test('requests that have arrived when a call begins are in it, and later ones join a long prompt', async () => {
  const turns: (() => void)[] = []
  const { calls, replies, take } = listen(() => new Promise((resolve) => turns.push(resolve)))
  const turn = async (): Promise<void> => {
    turns.shift()?.()
    await new Promise(setImmediate)
  }
  take(forward(1, 'a'))
  take(forward(2, 'prompt', 150))
  take(forward(3, 'unknown'))
  await turn()
  take(forward(4, 'b'))
  await turn()
  await turn()
  expect(calls).toEqual(['a prompt unknown', 'prompt b', 'prompt'])
  expect(replies.map(({ id }) => id)).toEqual([1, 3, 4, 2])
  expect(replies[1]).toMatchObject({ failure: { code: 'unknown-session' } })
  expect(replies[3]).toMatchObject({ result: { hidden: { length: 150 } } })
  expect(turns).toHaveLength(0)
})

test('in a crowd a call waits some milliseconds for the rows that come with its first one', async () => {
  const clock = createVirtualClock()
  const { calls, take } = listen(() => Promise.resolve(), clock)
  const settle = (): Promise<void> => new Promise(setImmediate)
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) take(forward(1, name))
  await settle()
  for (const name of names) {
    take(forward(2, name))
    await settle()
    clock.advance(1)
  }
  clock.advance(10)
  await settle()
  expect(calls).toEqual(['a b c d e f', 'a b c d e f'])
})
