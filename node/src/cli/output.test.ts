import { expect, test } from 'vitest'
import { createOutput } from './output.ts'

function written(isTTY: boolean, text: string): string {
  let shown = ''
  const output = createOutput(false, {
    isTTY,
    write: (part: string | Uint8Array) => {
      shown += String(part)
      return true
    },
  })
  output.write(text)
  return shown
}

/** A title, a cleared screen, a clipboard (OSC 52), and a colour. */
const hostile = 'a\u001b]0;x\u0007\u001b[2J\u009b1m\u001b]52;c;eA==\u001b\\\n\u001b[31mred\u001b[39m'

test('on a terminal, text of a model or peer cannot command the terminal; colours and line breaks stay', () => {
  expect(written(true, hostile)).toBe(
    'a\\u001b]0;x\\u0007\\u001b[2J\\u009b1m\\u001b]52;c;eA==\\u001b\\\n\u001b[31mred\u001b[39m',
  )
})

test('a file or pipe gets the exact text', () => {
  expect(written(false, hostile)).toBe(hostile)
})
