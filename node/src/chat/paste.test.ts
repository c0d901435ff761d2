import { array, assert, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { createPasteReader, withLineBreaks } from './paste.ts'

const paste = (text: string): string => `\u001b[200~${text}\u001b[201~`

test('pasted lines are one line of input until the user presses return', () => {
  const read = createPasteReader()
  const line = read(`say: ${paste('one\r\ntwo\nthree\r')}`)
  expect(line).toBe('say: one⏎two⏎three⏎')
  expect(withLineBreaks(line)).toBe('say: one\ntwo\nthree\n')
  expect(read('\r')).toBe('\r')
})

test('pasted control characters do nothing, typed ones pass', () => {
  const read = createPasteReader()
  expect(read(paste('a\u0003\u001b[31mb\tc'))).toBe('a[31mb  c')
  expect(read('\u0003\u001b[A\u001b')).toBe('\u0003\u001b[A')
  expect(read('b')).toBe('\u001bb')
})

test('the same text in any pieces gives the same line', () => {
  const whole = `x${paste('one\r\ntwo')}y${paste('\n')}\r`
  const expected = createPasteReader()(whole)
  assert(
    property(array(integer({ min: 1, max: whole.length - 1 })), (cuts) => {
      const read = createPasteReader()
      const bounds = [0, ...[...new Set(cuts)].sort((a, b) => a - b), whole.length]
      const pieces = bounds.slice(1).map((to, index) => whole.slice(bounds[index], to))
      expect(pieces.map(read).join('')).toBe(expected)
    }),
  )
})
