import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStopFilter } from './stop-filter.ts'

function run(stops: string[], pieces: string[]): { text: string; stop: string | null } {
  const filter = createStopFilter(stops)
  let text = ''
  let stop: string | null = null
  for (const piece of pieces) {
    const result = filter.push(piece)
    text += result.emit
    stop = result.stop
  }
  return { text: text + filter.flush(), stop }
}

test.each<[string, string[], string[], string, string | null]>([
  ['no stops', [], ['a', 'b'], 'ab', null],
  ['a stop in one piece', ['END'], ['one END two'], 'one ', 'END'],
  ['a stop over three pieces', ['END'], ['one E', 'N', 'D two', 'three'], 'one ', 'END'],
  ['a beginning that was none', ['END'], ['one EN', 'C'], 'one ENC', null],
  ['a beginning held at the end', ['END'], ['one EN'], 'one EN', null],
  ['a beginning inside a beginning', ['aab'], ['aa', 'ab', 'c'], 'a', 'aab'],
  ['the first that is complete wins', ['abc', 'b'], ['abc'], 'a', 'b'],
  ['of two that end together the longer', ['b', 'ab'], ['xab'], 'x', 'ab'],
])('%s', (_, stops, pieces, text, stop) => {
  expect(run(stops, pieces)).toEqual({ text, stop })
})

test('only text that may become a stop is held back', () => {
  const filter = createStopFilter(['\n\nUser:'])
  expect(filter.push('Hello.\n')).toEqual({ emit: 'Hello.', stop: null })
  expect(filter.push('\nUse')).toEqual({ emit: '', stop: null })
  expect(filter.push('ful')).toEqual({ emit: '\n\nUseful', stop: null })
})

test('the emitted text does not depend on how the stream is cut, and never contains a stop', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(
      text,
      fc.array(stop, { maxLength: 3 }),
      fc.array(fc.nat(29), { maxLength: 8 }),
      (text, stops, cuts) => {
        const at = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length]
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end))
        const whole = run(stops, [text])
        expect(run(stops, pieces)).toEqual(whole)
        expect(text.startsWith(whole.text)).toBe(true)
        for (const stop of stops) expect(whole.text.includes(stop)).toBe(false)
      },
    ),
    { numRuns: 1000 },
  )
})

test('empty, endless and too many stops are refused', () => {
  expect(() => createStopFilter([''])).toThrow(/1 to 1024/)
  expect(() => createStopFilter(['x'.repeat(1025)])).toThrow(/1 to 1024/)
  expect(() => createStopFilter(Array.from({ length: 17 }, (_, index) => `${index}`))).toThrow(/at most 16/)
})
