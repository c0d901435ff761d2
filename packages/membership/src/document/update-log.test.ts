import { expect, test } from 'vitest'
import { createUpdateLog } from './update-log.ts'

test('updates are kept in order until they outgrow the document, and are then replaced by one update of the whole document', () => {
  const log = createUpdateLog()
  const whole = Uint8Array.of(9)
  let encodings = 0
  const encode = (): Uint8Array => {
    encodings += 1
    return whole
  }
  const kilobyte = (value: number): Uint8Array => new Uint8Array(1024).fill(value)
  for (let value = 0; value < 16; value += 1) log.add(kilobyte(value), encode)
  expect(log.all().map(([first]) => first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  expect(encodings).toBe(0)
  log.add(kilobyte(16), encode)
  expect(log.all()).toEqual([whole])
  log.add(kilobyte(17), encode)
  expect([encodings, log.all().length]).toEqual([1, 2])
})
