import { createVirtualClock } from '@shoal/host'
import { expect, test } from 'vitest'
import { createAnswersUnderWay, type AnswerUnderWay } from './answers-under-way.ts'
import { apiLimits } from '../limits.ts'

const clock = createVirtualClock()

function tokens(answer: AnswerUnderWay, count: number, msPerToken: number): void {
  for (let token = 0; token < count; token += 1) {
    clock.advance(msPerToken)
    answer.token()
  }
}

test('without a measured pace the caller is told the usual time', () => {
  const answers = createAnswersUnderWay(clock)
  expect(answers.retryAfterSeconds()).toBe(apiLimits.retryAfterSeconds)
  tokens(answers.begin(100), 1, 50)
  expect(answers.retryAfterSeconds()).toBe(apiLimits.retryAfterSeconds)
})

test('the answer that ends first counts: its remaining tokens at its own pace', () => {
  const answers = createAnswersUnderWay(clock)
  const long = answers.begin(1000)
  const short = answers.begin(110)
  tokens(long, 10, 100)
  tokens(short, 10, 100)
  expect(answers.retryAfterSeconds()).toBe(10)
  clock.advance(4_000)
  expect(answers.retryAfterSeconds()).toBe(6)
  short.end()
  short.end()
  expect(answers.retryAfterSeconds()).toBe(apiLimits.retryAfterSecondsMax)
})

test('a long prompt, or a wait for room, before the first token does not slow the pace down', () => {
  const answers = createAnswersUnderWay(clock)
  const answer = answers.begin(12)
  clock.advance(30_000)
  tokens(answer, 2, 1000)
  expect(answers.retryAfterSeconds()).toBe(10)
})

test('an answer that is late is expected within a second', () => {
  const answers = createAnswersUnderWay(clock)
  tokens(answers.begin(3), 2, 100)
  clock.advance(5_000)
  expect(answers.retryAfterSeconds()).toBe(1)
})

test('before an answer has a pace, it is expected to take as long as earlier ones did', () => {
  const answers = createAnswersUnderWay(clock)
  const earlier = answers.begin(100)
  tokens(earlier, 6, 1000)
  earlier.end()
  answers.begin(100).end()
  expect(answers.retryAfterSeconds()).toBe(6)
  answers.begin(100)
  clock.advance(2_000)
  expect(answers.retryAfterSeconds()).toBe(4)
})
