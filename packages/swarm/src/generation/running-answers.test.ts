import { ShoalError } from '@shoal/host'
import { expect, test } from 'vitest'
import type { Engine, GenerateEvent, GenerateRequest } from '../types.ts'
import { createRunningAnswers } from './running-answers.ts'

const request = { promptIds: [1], maxTokens: 2 } as unknown as GenerateRequest
const token = (tokenId: number): GenerateEvent => ({ type: 'token', tokenId, text: '' })

function make() {
  const answers = createRunningAnswers()
  let cancelled = 0
  const engine = answers.watch({
    async *generate() {
      try {
        yield token(1)
        yield token(2)
      } finally {
        cancelled += 1
      }
    },
    forward: () => Promise.reject(new Error('no blocks')),
  } as unknown as Engine)
  return { answers, engine, cancelled: () => cancelled }
}

test('a drain waits for the answers that run, and begins no others', async () => {
  const { answers, engine } = make()
  const answer = engine.generate(request)[Symbol.asyncIterator]()
  await answer.next()
  let drained = false
  const draining = answers.drain(new AbortController().signal).then(() => (drained = true))
  await expect(engine.generate(request)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'not-ready',
    definite: true,
  })
  expect((await answer.next()).value).toEqual(token(2))
  expect(drained).toBe(false)
  expect((await answer.next()).done).toBe(true)
  await draining
})

test('answers that are given up, and calls that fail, hold nothing up', async () => {
  const { answers, engine, cancelled } = make()
  for await (const event of engine.generate(request)) if (event.type === 'token') break
  expect(cancelled()).toBe(1)
  await expect(engine.forward([1])).rejects.toThrow('no blocks')
  await answers.drain(new AbortController().signal)
})

test('a drain ends when its time is over', async () => {
  const { answers, engine } = make()
  await engine.generate(request)[Symbol.asyncIterator]().next()
  const limit = new AbortController()
  const draining = answers.drain(limit.signal)
  limit.abort(new ShoalError('deadline-passed', 'too late'))
  await expect(draining).rejects.toThrow('too late')
})
