import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './harness.ts'

const start = (args: readonly string[]) =>
  spawn(process.execPath, [join(root, 'node', 'src', 'main.ts'), 'start', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** Running nodes of this repository's `start`: other tests give their nodes a folder that stays. Linux only. */
function nodesRunning(): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return (
          words.includes('up') &&
          words.includes('--temporary-data') &&
          words.some((word) => word.startsWith(root))
        )
      } catch {
        return false
      }
    }).length
}

describe('npm start', () => {
  it.skipIf(process.platform !== 'linux')(
    'leaves no process behind when it is killed with kill -9 (looks at /proc: Linux)',
    async () => {
      const child = start(['--processes', '2', '--prompt', 'Tell me a story about a fox and a lantern.'])
      const formed = new Promise<void>((resolve) => {
        let output = ''
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          output += text
          if (output.includes('every block is held')) resolve()
        })
      })
      await formed
      expect(nodesRunning()).toBeGreaterThanOrEqual(2)
      child.kill('SIGKILL')
      await expect.poll(nodesRunning, { timeout: 15_000, interval: 100 }).toBe(0)
    },
  )
})
