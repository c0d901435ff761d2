import { stripVTControlCharacters } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TerminalMarkdown } from './terminal-markdown.ts'

const whole = (text: string): string => {
  const writer = new TerminalMarkdown()
  return writer.push(text) + writer.end()
}
const seen = (text: string): string =>
  whole(text)
    .replaceAll('\u001b[1m', '<b>')
    .replaceAll('\u001b[22m', '</b>')
    .replaceAll('\u001b[3m', '<i>')
    .replaceAll('\u001b[23m', '</i>')
    .replaceAll('\u001b[36m', '<c>')
    .replaceAll('\u001b[39m', '</c>')

test.each([
  ['a **bold** word', 'a <b>bold</b> word'],
  ['*soft* and __loud__', '<i>soft</i> and <b>loud</b>'],
  ['2 * 3 * 4 and snake_case_name', '2 * 3 * 4 and snake_case_name'],
  ['run `npm start` now', 'run <c>npm start</c> now'],
  ['`**` stays', '<c>**</c> stays'],
  ['- one\n  - two', '• one\n  • two'],
  ['an **unfinished\nline', 'an <b>unfinished</b>\nline'],
  ['**', '**'],
])('%j is shown as %j', (text, shown) => {
  expect(seen(text)).toBe(shown)
})

test('a block of code keeps its marks', () => {
  const text = '```js\nconst a = b ** c\n# no heading\n```\n**end**'
  expect(stripVTControlCharacters(whole(text))).toBe('```js\nconst a = b ** c\n# no heading\n```\nend')
  expect(seen(text)).toContain('<b>end</b>')
})

test('a word that has no marks is written at once', () => {
  const writer = new TerminalMarkdown()
  expect(['Once', ' upon', ' a', ' time'].map((word) => writer.push(word))).toEqual([
    'Once',
    ' upon',
    ' a',
    ' time',
  ])
})

const words = fc.array(
  fc.oneof(
    fc.constantFrom('*', '**', '***', '_', '__', '`', '```', '~~~', '\n', '# ', '- ', '> ', ' ', '1. '),
    fc.string({ maxLength: 3 }),
  ),
  { maxLength: 30 },
)

test('the cuts of a text change nothing, marks are all that is left out, and every style ends', () => {
  fc.assert(
    fc.property(words, (pieces) => {
      const writer = new TerminalMarkdown()
      const inPieces = pieces.map((each) => writer.push(each)).join('') + writer.end()
      expect(inPieces).toBe(whole(pieces.join('')))
      const letters = (text: string): string =>
        stripVTControlCharacters(text).replaceAll(/[*_`#>•│+\s-]/g, '')
      expect(letters(inPieces)).toBe(letters(pieces.join('')))
      expect(styleAtEnd(inPieces)).toEqual([])
    }),
    { numRuns: 400, seed: 15 },
  )
})

/** Styles that are still on behind a text. */
function styleAtEnd(text: string): string[] {
  const on = new Set<string>()
  for (const part of text.split('\u001b[').slice(1)) {
    const code = part.slice(0, part.indexOf('m'))
    const ends: Record<string, string[]> = { 22: ['1', '2'], 23: ['3'], 24: ['4'], 39: ['36'] }
    for (const each of ends[code] ?? []) on.delete(each)
    if (ends[code] === undefined) on.add(code)
  }
  return [...on]
}
