import { expect, test } from 'vitest'
import { turnsToLeaveOut } from './context-room.ts'
import {
  converse,
  emptyConversation,
  messagesOf,
  titleOf,
  type ChatEvent,
  type Conversation,
} from './conversation.ts'
import { restored, storable } from './history.ts'
import { readNumber, restoredSettings, samplingFields } from './settings.ts'

const empty = emptyConversation('1', 1)
const after = (...events: ChatEvent[]): Conversation => events.reduce(converse, empty)
const figures = { promptTokens: 10, tokens: 100, tokensPerSecond: 50, firstMs: 20 }

/** A question and an answer of 300 characters, which are 100 tokens. */
const story: readonly ChatEvent[] = [
  { type: 'asked', question: 'Tell me a story.' },
  { type: 'text', text: 'word '.repeat(60) },
  { type: 'ended', end: 'complete', figures },
]

test('text goes to the answer of the last question', () => {
  const { turns } = after(
    { type: 'asked', question: 'Who?' },
    { type: 'text', text: 'I ' },
    { type: 'text', text: 'am.' },
  )
  expect(turns).toMatchObject([{ question: 'Who?', answer: 'I am.', end: 'running', problem: null }])
})

test('a problem stands beside the answer, and is not sent as the words of the model', () => {
  const failed = after(
    { type: 'asked', question: 'Who?' },
    { type: 'failed', problem: 'nobody serves block 3' },
  )
  expect(failed.turns[0]).toMatchObject({ answer: '', end: 'failed', problem: 'nobody serves block 3' })
  const next = converse(failed, { type: 'asked', question: 'And now?' })
  expect(messagesOf(next, '')).toEqual([{ role: 'user', content: 'And now?' }])
})

test('what came before a stop is sent as an answer, and what comes after it is not taken', () => {
  const stopped = after(
    { type: 'asked', question: 'Who?' },
    { type: 'text', text: 'I am' },
    { type: 'ended', end: 'stopped', figures: null },
    { type: 'text', text: ' late' },
    { type: 'asked', question: 'Go on.' },
  )
  expect(messagesOf(stopped, 'Be kind.')).toEqual([
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Who?' },
    { role: 'assistant', content: 'I am' },
    { role: 'user', content: 'Go on.' },
  ])
})

test('a retry takes the last question back with its answer', () => {
  expect(after(...story, ...story, { type: 'taken-back' }).turns).toHaveLength(1)
})

test('the oldest turns are left out when the context is full, and the last question stays', () => {
  const full = after(...story, ...story, ...story, ...story, { type: 'asked', question: 'And again.' })
  const room = { contextLength: 512, answerTokens: 200, system: '' }
  // 312 tokens are for the prompt. A turn has 118 of them, so that two of four stay.
  expect(turnsToLeaveOut(full, room)).toBe(2)
  const cut = converse(full, { type: 'left-out', turns: 2 })
  expect(messagesOf(cut, '')).toHaveLength(5)
  expect(turnsToLeaveOut(full, { ...room, contextLength: 16 })).toBe(4)
  expect(turnsToLeaveOut(full, { ...room, contextLength: 8192 })).toBe(0)
})

test('history comes back as it was stored, an answer under way as a stopped one', () => {
  const running = after(...story, { type: 'asked', question: 'More.' })
  const [read] = restored(JSON.stringify(storable([running])))
  expect(read?.turns.map(({ end }) => end)).toEqual(['complete', 'stopped'])
  expect(read?.turns[0]).toEqual(running.turns[0])
})

test('history is bounded in number and size, and empty conversations are not stored', () => {
  const short = after(...story)
  expect(storable([empty, ...Array.from({ length: 80 }, () => short)])).toHaveLength(49)
  const long = after({ type: 'asked', question: 'x'.repeat(400_000) })
  expect(storable([long, long, long])).toHaveLength(2)
})

test.each([null, '', 'no JSON', '{}', '[{"id":1}]', '[{"id":"1","startedMs":1,"leftOut":0,"turns":[{}]}]'])(
  'stored text %j is no history',
  (text) => {
    expect(restored(text)).toEqual([])
  },
)

test('settings stay within the bounds of the API, and empty ones are the choice of the model', () => {
  expect(readNumber('temperature', '7')).toBe(2)
  expect(readNumber('topK', '3.6')).toBe(4)
  expect(readNumber('seed', '')).toBeNull()
  expect(readNumber('maxTokens', '')).toBe(512)
  const settings = restoredSettings('{"temperature":-1,"system":"Be kind.","topP":"x"}')
  expect(settings).toMatchObject({ temperature: 0, system: 'Be kind.', topP: null })
  expect(samplingFields(settings)).toEqual({ max_tokens: 512, temperature: 0 })
})

test('a conversation is named by its first question', () => {
  expect(titleOf(after({ type: 'asked', question: `  a\n${'b'.repeat(60)}` }))).toBe(`a ${'b'.repeat(45)}…`)
})
