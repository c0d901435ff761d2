import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { ShoalError } from '@shoal/host'

const dialFile = z.record(z.string(), z.string())

/** Reads `up --dial-instead FILE`: addresses without `/p2p/…`, each with the address to dial in its place. */
export function readDialInstead(path: string): Readonly<Record<string, string>> {
  try {
    return dialFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new ShoalError('bad-request', `${path} cannot be read as a JSON object of addresses`, {
      cause: error,
    })
  }
}

export function writeDialInstead(path: string, instead: Readonly<Record<string, string>>): void {
  writeFileSync(path, JSON.stringify(instead))
}
