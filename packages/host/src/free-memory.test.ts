import { expect, test } from 'vitest'
import { freeMemory } from './free-memory.ts'

test('what is freed is empty in every view; what is small or shared is left alone', () => {
  const bytes = new Uint8Array(65_536).fill(1)
  const numbers = new Float32Array(bytes.buffer, 8)
  freeMemory(bytes.buffer)
  expect([bytes.length, numbers.length, numbers[0]]).toEqual([0, 0, undefined])
  // A second time, by another view of it.
  freeMemory(numbers.buffer)

  const small = new Uint8Array(64)
  const shared = new Uint8Array(new SharedArrayBuffer(65_536))
  for (const { buffer } of [small, shared]) freeMemory(buffer)
  expect([small.length, shared.length]).toEqual([64, 65_536])
})
