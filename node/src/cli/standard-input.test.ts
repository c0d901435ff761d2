import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { readStandardInput } from './standard-input.ts'

test('a piped prompt is read whole, without the line break at its end', async () => {
  expect(await readStandardInput(Readable.from([Buffer.from('one\ntw'), Buffer.from('o\n')]))).toBe(
    'one\ntwo',
  )
})

test('an empty input and a terminal give no prompt', async () => {
  expect(await readStandardInput(Readable.from([]))).toBe(undefined)
  expect(await readStandardInput(Object.assign(Readable.from(['typed']), { isTTY: true }))).toBe(undefined)
})

test('a character in two chunks is one character', async () => {
  const [first, second] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü').subarray(1)]
  expect(await readStandardInput(Readable.from([first, second]))).toBe('ü')
})
