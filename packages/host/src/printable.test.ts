import { expect, test } from 'vitest'
import { printable, printableLines, quoted } from './printable.ts'

test.each([
  ['a colour', '\u001b[31mred', '\\u001b[31mred'],
  ['a line break', 'one\ntwo', 'one\\u000atwo'],
  ['a control sequence of Latin-1', '\u009b2J', '\\u009b2J'],
  ['a change of writing direction', 'a\u202eb', 'a\\u202eb'],
  ['half of a character', 'a\ud800', 'a\\ud800'],
  ['words of all scripts', 'Grüße, 世界 👋🏽', 'Grüße, 世界 👋🏽'],
])('a foreign text with %s is shown without being obeyed', (_what, text, shown) => {
  expect(printable(text)).toBe(shown)
})

test('a long foreign text is cut, and quotation marks say that the words are foreign', () => {
  expect(quoted('abcdef', 3)).toBe(`'abc…'`)
  expect(printable('x'.repeat(1e6))).toHaveLength(401)
})

test("an answer's line breaks and tabs stay, and a carriage return cannot overwrite the line", () => {
  expect(printableLines('a\n\tb\r\u001b]0;title\u0007')).toBe('a\n\tb\\u000d\\u001b]0;title\\u0007')
})
