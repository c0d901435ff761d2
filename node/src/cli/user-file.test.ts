import { expect, test } from 'vitest'
import { textOf } from './user-file.ts'

test.each([
  ['plain UTF-8', Buffer.from('{"ä":1}')],
  ['UTF-8 with a byte order mark, as Notepad writes it', Buffer.from('\u{FEFF}{"ä":1}')],
  ['UTF-16 with a byte order mark, as PowerShell 5 redirects', Buffer.from('\u{FEFF}{"ä":1}', 'utf16le')],
])('a file in %s is read', (_name, bytes) => {
  expect(textOf(bytes)).toBe('{"ä":1}')
})
