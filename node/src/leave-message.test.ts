import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { tellToLeave } from './leave-message.ts'

function recorded(options: { connected: boolean; broken?: boolean }) {
  const told: string[] = []
  return {
    told,
    connected: options.connected,
    kill: (signal?: NodeJS.Signals | number) => told.push(String(signal)) > 0,
    send(message: unknown, ...rest: readonly unknown[]) {
      told.push(String(message))
      const callback = rest.at(-1) as (error: Error | null) => void
      callback(options.broken === true ? new Error('the channel is closed') : null)
      return true
    },
  }
}

test.each([
  ['linux', { connected: true }, ['SIGTERM']],
  ['darwin', { connected: true }, ['SIGTERM']],
  ['win32', { connected: true }, ['shoal-leave']],
  ['win32', { connected: false }, ['SIGTERM']],
  ['win32', { connected: true, broken: true }, ['shoal-leave', 'SIGTERM']],
] as const)('on %s a process that is %o is told by %o', (platform, options, expected) => {
  const child = recorded(options)
  tellToLeave(child, platform)
  expect(child.told).toEqual(expected)
})

test('a process that listens leaves in order when the message comes, and ends by itself without one', async () => {
  // Standard input keeps a process that works; one that is idle has nothing to stay for.
  const script = `
    import { leaveWhenTold } from ${JSON.stringify(new URL('leave-message.ts', import.meta.url).href)}
    leaveWhenTold(() => { process.stdin.destroy(); process.exitCode = 7 })
    if (process.argv[1] === 'works') process.stdin.resume()
    process.stdout.write('listens')`
  const start = (what: string) =>
    spawn(process.execPath, ['--input-type=module', '-e', script, what], {
      stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
    })
  const working = start('works')
  const ended = new Promise((resolve) => working.once('exit', resolve))
  working.stdout?.once('data', () => tellToLeave(working, 'win32'))
  expect(await ended).toBe(7)

  const idle = start('idle')
  expect(await new Promise((resolve) => idle.once('exit', resolve))).toBe(0)
})
