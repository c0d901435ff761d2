import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SwarmStatus } from '@shoal/swarm'
import type { Lab } from './namespaces.ts'

export const program = fileURLToPath(new URL('../bin/shoal.js', import.meta.resolve('shoal/node-process')))
const look = fileURLToPath(new URL('./look.ts', import.meta.url))
const execute = promisify(execFile)

/** For a step of the play on a machine that many other programs use. */
export const stepLimitMs = 180_000

/** What a script prints on a machine. */
export async function textOn(
  lab: Lab,
  machine: string,
  script: string,
  ...words: readonly string[]
): Promise<string> {
  const line = [...lab.within(machine), process.execPath, script, ...words]
  const { stdout } = await execute(line[0] ?? '', line.slice(1), { timeout: stepLimitMs, maxBuffer: 2 ** 26 })
  return stdout
}

/** A node's own view; null before it answers. @param api its URL */
export async function statusOn(lab: Lab, machine: string, api: string | null): Promise<SwarmStatus | null> {
  const text = await textOn(lab, machine, look, `${api}/swarm`)
  return text === '' ? null : (JSON.parse(text) as SwarmStatus)
}

/** The JSON that a command of `shoal` prints last on a machine. */
export async function commandOn(lab: Lab, machine: string, words: readonly string[]): Promise<unknown> {
  const text = await textOn(lab, machine, program, ...words)
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')
}
