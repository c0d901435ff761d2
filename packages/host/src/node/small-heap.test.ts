import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** Runs a program that makes garbage of middle age. @returns the most bytes that young objects took */
async function mostYoungBytes(...words: readonly string[]): Promise<number> {
  const program = fileURLToPath(new URL('../testing/make-garbage.ts', import.meta.url))
  // The usual bound depends on the machine's memory.
  const child = fork(program, words, { execArgv: ['--max-semi-space-size=64'] })
  const [most] = (await once(child, 'message')) as [number]
  await once(child, 'exit')
  return most
}

test('the space of young objects stops at its bound, and grows far beyond it without', async () => {
  const [small, usual] = await Promise.all([mostYoungBytes('small'), mostYoungBytes()])
  const MiB = 1024 * 1024
  // On a fast machine it may double once between two looks.
  expect(small).toBeLessThanOrEqual(32 * MiB)
  expect(usual).toBeGreaterThan(32 * MiB)
})
