import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { closeGate, createGateMemory, nativeGate } from './native-gate.ts'

test('a closed gate refuses calls, and closing does not wait when no call is in progress', () => {
  const memory = createGateMemory()
  const gate = nativeGate(memory)
  expect(gate.pass(() => 5)).toBe(5)
  expect(() =>
    gate.pass(() => {
      throw new Error('inside')
    }),
  ).toThrow('inside')
  closeGate(memory, 60_000)
  expect(() => gate.pass(() => 5)).toThrow(expect.objectContaining({ code: 'compute-failed' }))
})

test('a process that ends while its device computes exits with its own status', async () => {
  const program = fileURLToPath(new URL('../testing/exit-while-computing.ts', import.meta.url))
  const status = await new Promise((resolve) => {
    execFile(process.execPath, [program], (error, _, stderr) => resolve([error?.code ?? 0, stderr]))
  })
  expect(status).toEqual([7, ''])
})
