import { expect, test } from 'vitest'
import { allocatorEnvironment, restartOf, type StartedProcess } from './allocator.ts'

const started: StartedProcess = {
  platform: 'linux',
  env: { HOME: 'shoal' },
  execPath: '/bin/node',
  execArgv: ['--no-warnings'],
  argv: ['/bin/node', '/shoal/main.ts', 'up', '--model', 'demo'],
  hasChannel: false,
}

test('a node starts again with the setting of the allocator, once', () => {
  const again = restartOf(started)
  expect(again).toEqual({
    args: ['/bin/node', '--no-warnings', '/shoal/main.ts', 'up', '--model', 'demo'],
    env: { HOME: 'shoal', MALLOC_MMAP_THRESHOLD_: '2097152' },
  })
  expect(restartOf({ ...started, env: again!.env })).toBeNull()
})

test.each<[string, Partial<StartedProcess>]>([
  ['a command that serves nothing', { argv: ['/bin/node', '/shoal/main.ts', 'status'] }],
  ['another system', { platform: 'darwin' }],
  ['a child that its parent talks to', { hasChannel: true }],
  ['a choice of the user', { env: { MALLOC_MMAP_THRESHOLD_: '1' } }],
  ['a choice among the tunables', { env: { GLIBC_TUNABLES: 'glibc.malloc.mmap_threshold=4096' } }],
])('%s goes on as it is', (_, change) => {
  expect(restartOf({ ...started, ...change })).toBeNull()
})

test('a child gets the setting with its environment, unless the user has chosen', () => {
  expect(allocatorEnvironment({ A: '1' })).toEqual({ A: '1', MALLOC_MMAP_THRESHOLD_: '2097152' })
  expect(allocatorEnvironment({ MALLOC_MMAP_THRESHOLD_: '1' })).toEqual({ MALLOC_MMAP_THRESHOLD_: '1' })
})
