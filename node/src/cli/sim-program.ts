import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ShoalError } from '@shoal/host'
import { ToldError } from './told-error.ts'
import { UsageError } from './usage-error.ts'

/** Programs of the workspace `sim`: they run as processes of their own, since `node` must not import `sim`. */
const programs = { sim: 'sim.ts', bench: 'bench.ts' } as const

const pathOf = (file: string): string => fileURLToPath(new URL(`../../../sim/src/${file}`, import.meta.url))

/** Whether this installation has a file of the workspace `sim`. */
export const hasSimPart = (file: string): boolean => existsSync(pathOf(file))

/**
 * Runs a program of the workspace `sim` with the standard streams of this process, and waits for its end.
 * @throws {ShoalError} `not-found` where the workspace has no such program, `internal` when it fails
 * @throws {ToldError} when a simulation found a violation, which its output shows
 */
export async function runSimProgram(name: keyof typeof programs, words: readonly string[]): Promise<void> {
  const script = pathOf(programs[name])
  if (!existsSync(script))
    throw new ShoalError(
      'not-found',
      `shoal ${name} needs the workspace sim, which is not part of this installation: run it in a clone of the repository`,
    )
  // The IPC channel, the fourth stream, ends the program with this process, also after kill -9.
  const child = spawn(process.execPath, [script, ...words], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGINT', forward)
  process.on('SIGTERM', forward)
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    if (status === 2)
      throw new UsageError(`shoal ${name} did not understand its options; see shoal ${name} --help`)
    if (name === 'sim' && status === 1) throw new ToldError('a checker found a violation')
    if (status !== 0)
      throw new ShoalError('internal', `shoal ${name} ended with status ${status ?? 'none (killed)'}`)
  } finally {
    process.off('SIGINT', forward)
    process.off('SIGTERM', forward)
  }
}
