import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createFileLogger } from './file-logger.ts'
import { readableLine } from './log-line.ts'
import { systemClock } from './system-clock.ts'
import { systemRandom } from './system-random.ts'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const moduleUrl = JSON.stringify(new URL('exit-with-parent.ts', import.meta.url).href)

/**
 * A parent whose child calls `watch`; resolves with the child's pid once the child watches. The child holds our pipe
 * open.
 */
function family(watch: string, stdio: string): Promise<{ parent: ChildProcess; childEnded: Promise<void> }> {
  const child = `import { exitWithParent, watchAncestors } from ${moduleUrl}; setInterval(() => {}, 1000); ${watch}; process.stdout.write('watching')`
  const parent = `import { spawn } from 'node:child_process'
    spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(child)}], { stdio: ${stdio} })`
  const process_ = spawn(process.execPath, ['--input-type=module', '-e', parent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(process_)
  // Standard output is shared by parent and child: it ends when both have ended.
  const childEnded = new Promise<void>((done) => process_.stdout?.once('end', () => done()))
  return new Promise((ready) => process_.stdout?.once('data', () => ready({ parent: process_, childEnded })))
}

test.each([
  ['by IPC', 'exitWithParent()', `['ignore', 'inherit', 'inherit', 'ipc']`],
  ['by standard input', 'exitWithParent()', `['pipe', 'inherit', 'inherit']`],
  ['by looking', 'watchAncestors(1)', `['ignore', 'inherit', 'inherit']`],
  [
    'with its clean-up',
    'exitWithParent({ onParentGone: () => process.exit(0) })',
    `['ignore', 'inherit', 'inherit', 'ipc']`,
  ],
])('a child ends when its parent is killed, told %s', async (_name, watch, stdio) => {
  const { parent, childEnded } = await family(watch, stdio)
  parent.kill('SIGKILL')
  await childEnded
})

test('the system clock does not go back, its randomness differs', () => {
  const first = systemClock.nowMs()
  expect(systemClock.nowMs()).toBeGreaterThanOrEqual(first)
  expect(systemClock.wallMs()).toBeGreaterThan(1_700_000_000_000)
  expect([...systemRandom.bytes(16)]).not.toEqual([...systemRandom.bytes(16)])
  for (let i = 0; i < 100; i += 1) expect(systemRandom.unit()).toBeLessThan(1)
})

test.each([
  [{ peer: 'abc', rows: 3 }, 'peer=abc rows=3'],
  [{ blocks: [0, 4] }, 'blocks=[0,4]'],
  [{ reason: 'two words' }, 'reason="two words"'],
  [{ reason: 'a\nb\u001b[31m\u009b' }, String.raw`reason="a\nb\u001b[31m\u009b"`],
  [{ reason: '' }, 'reason=""'],
  [{ none: null }, 'none=null'],
])('a log line with %j', (fields, expected) => {
  expect(readableLine(JSON.stringify({ level: 'info', time: 0, event: 'peer-joined', ...fields }))).toBe(
    `00:00:00.000 info  peer-joined ${expected}\n`,
  )
})

test('a logger writes lines of its level and above, with the fields of its parents, and the file has them too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-log-'))
  const file = join(folder, 'logs', 'shoal.log')
  const { PassThrough } = await import('node:stream')
  const sink = new PassThrough()
  const logger = createFileLogger({ level: 'info', file, stderr: sink })
  logger.debug('not-this')
  logger.child({ session: 's1' }).warn('session-moved', { error: new Error('stage lost') })
  logger.info('peer-joined')
  await logger.close()
  const lines = String(sink.read()).trim().split('\n')
  expect(lines.map((line) => line.slice(13))).toEqual([
    'warn  session-moved session=s1 error="stage lost"',
    'info  peer-joined',
  ])
  const records = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  expect(records).toMatchObject([
    {
      level: 'warn',
      event: 'session-moved',
      session: 's1',
      error: { message: 'stage lost', stack: expect.stringContaining('process.test') as string },
    },
    { level: 'info', event: 'peer-joined' },
  ])
  rmSync(folder, { recursive: true, force: true })
})
