import { readFileSync } from 'node:fs'
import { ShoalError } from '../errors.ts'
import { writeFileAtomically } from './atomic-file.ts'

/**
 * Takes the next incarnation: a number higher than any that this file ever gave, and at least the wall clock's seconds. A
 * peer that comes back is therefore newer than its last life, also with a data directory restored from an old copy.
 *
 * @param path file of the counter; made when missing
 * @throws {ShoalError} `internal` when the file holds something else
 */
export function nextIncarnation(path: string, wallMs = Date.now()): number {
  const previous = readCounter(path)
  const next = Math.max(previous + 1, Math.floor(wallMs / 1000))
  writeFileAtomically(path, `${next}\n`)
  return next
}

function readCounter(path: string): number {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new ShoalError(
      'internal',
      `${path} should hold one whole number; remove it to start again from the clock`,
    )
  }
  return value
}
