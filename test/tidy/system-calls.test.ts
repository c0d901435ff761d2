/** Time and chance are arguments: only `packages/host` calls the system's clock, timers and randomness. */
import { expect, test } from 'vitest'
import { isExcepted, systemCalls, unreferenced } from './exceptions.ts'
import { findingsOf, source } from './repository.ts'

const banned: readonly { readonly call: RegExp; readonly advice: string }[] = [
  { call: /\bDate\.now\(/, advice: 'take a Clock: wallMs() for people, nowMs() for decisions' },
  { call: /\bperformance\.now\(/, advice: 'take a Clock: nowMs()' },
  { call: /\b(setTimeout|setInterval|setImmediate)\(/, advice: 'take a Clock: after(), sleep(), every()' },
  { call: /\bAbortSignal\.timeout\(/, advice: 'take a Clock: after() and an AbortController' },
  { call: /\bMath\.random\(/, advice: 'take a Random' },
  {
    call: /\b(randomBytes|randomUUID|getRandomValues|randomInt)\(/,
    advice: 'take a Random; randomHex() makes ids',
  },
]

test('the banned calls are recognised', () => {
  // Put together here, so that this file does not contain them.
  const calls = [
    ['Date', 'now'],
    ['performance', 'now'],
    ['setTimeout'],
    ['globalThis', 'setInterval'],
    ['AbortSignal', 'timeout'],
    ['Math', 'random'],
    ['crypto', 'getRandomValues'],
  ]
  const missed = calls
    .map((words) => `const x = ${words.join('.')}(1)`)
    .filter((line) => !banned.some(({ call }) => call.test(line)))
  expect(missed).toEqual([])
  expect(banned.some(({ call }) => call.test('clock.after(5, retry)'))).toBe(false)
})

test.each(banned)('$call only in packages/host', ({ call, advice }) => {
  const others = source.filter(
    (file) => !file.path.startsWith('packages/host/src/node') && !isExcepted(systemCalls, file.path),
  )
  expect(findingsOf(call, advice, others)).toEqual([])
})

test('handles are unreferenced only where no wait depends on them', () => {
  // A program whose last wait hangs on such a handle falls off its event loop and exits without a word.
  const others = source.filter(
    (file) => !file.path.startsWith('packages/host/src/node') && !isExcepted(unreferenced, file.path),
  )
  const advice = 'a timer of upkeep is made with { background: true }; for others see `unreferenced`'
  expect(findingsOf(/\bunref\(/, advice, others)).toEqual([])
})

test('every exception names a file or folder that exists', () => {
  const missing = [...Object.keys(systemCalls), ...Object.keys(unreferenced)].filter(
    (path) => !source.some((file) => (path.endsWith('/') ? file.path.startsWith(path) : file.path === path)),
  )
  expect(missing).toEqual([])
})
