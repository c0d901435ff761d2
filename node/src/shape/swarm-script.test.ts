import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualClock } from '@shoal/host'
import { afterAll, expect, test } from 'vitest'
import { readScript, runScript } from './swarm-script.ts'

const folder = mkdtempSync(join(tmpdir(), 'shoal-script-'))
afterAll(() => rmSync(folder, { recursive: true }))

function written(script: unknown): string {
  const path = join(folder, 'script.json')
  writeFileSync(path, typeof script === 'string' ? script : JSON.stringify(script))
  return path
}

test.each([
  ['no JSON', '[', /is not JSON/],
  ['no list', '{}', /the file should be a list/],
  ['a word that is none', [{ do: 'shout', node: 'a' }], /\[0\]\.do should be "/],
  ['a stranger', [{ do: 'kill', node: 'z' }], /names 'z'; the nodes are: a, b/],
])('refused: %s', (_name, script, sentence) => {
  expect(() => readScript(written(script), ['a', 'b'])).toThrow(sentence)
})

test('on Windows a step that halts a process is refused', () => {
  const path = written([{ do: 'stop', node: 'a' }])
  expect(() => readScript(path, ['a'], 'win32')).toThrow(/has the step 'stop', and Windows cannot halt/)
  expect(readScript(path, ['a'], 'linux')).toHaveLength(1)
})

test('steps are applied in order, after their events and waits', async () => {
  const clock = createVirtualClock()
  const done: string[] = []
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const steps = readScript(
    written([
      { waitMs: 10, do: 'stop', node: 'a' },
      { after: 'session-opened', waitMs: 5, do: 'kill', node: 'b' },
      { do: 'restart', node: 'b' },
      { waitMs: 1, do: 'cont', node: 'a' },
      { do: 'leave', node: 'a' },
    ]),
    ['a', 'b'],
    'linux',
  )
  const note = (what: string): void => void done.push(`${clock.nowMs()} ${what}`)
  const run = runScript(
    {
      clock,
      swarm: {
        signal: (name, signal) => note(`${name} ${signal}`),
        restart: (name) => {
          note(`${name} again`)
          return Promise.resolve({ name, peerId: '', addrs: [], blocks: null, rankOf: null, pid: 0 })
        },
      },
      nextEvent: (fits) =>
        fits({ event: 'session-opened' }) && !fits({ event: 'peer-dead' })
          ? opened
          : Promise.reject(new Error('waits for something else')),
      onStep: () => undefined,
    },
    steps,
    new AbortController().signal,
  )
  const turn = async (ms: number): Promise<void> => {
    clock.advance(ms)
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }
  await turn(0)
  await turn(10)
  await turn(50)
  open()
  await turn(0)
  for (let i = 0; i < 8; i += 1) await turn(1)
  await run
  expect(done).toEqual(['10 a SIGSTOP', '65 b SIGKILL', '65 b again', '66 a SIGCONT', '66 a SIGTERM'])
})
