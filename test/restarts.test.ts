import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './harness.ts'

interface Report {
  readonly processes: number
  readonly restarts: number
  readonly convergedMs: readonly number[]
  readonly generations: number
  readonly failed: readonly unknown[]
}

/** As anybody runs it, with more restarts: `npm run chaos -- processes --restarts 100`. */
function chaos(words: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(root, 'sim', 'src', 'chaos.ts'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

it(
  'five processes that know one address agree, also after a kill and a restart',
  { timeout: 600_000 },
  async () => {
    const { code, stdout, stderr } = await chaos(['processes', '--restarts', '1', '--from', '8', '--json'])
    const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Report
    expect(report.failed, stderr).toEqual([])
    expect(report).toMatchObject({ processes: 5, restarts: 1 })
    // One generation after the swarm has formed, and one after each round.
    expect(report.generations).toBe(report.convergedMs.length)
    expect(report.generations).toBeGreaterThan(1)
    expect(code).toBe(0)
  },
)
