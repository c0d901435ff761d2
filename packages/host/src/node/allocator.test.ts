import { expect, test } from 'vitest'
import { allocatorEnvironment, restartOf, usualEnvironment, type StartedProcess } from './allocator.ts'

const setting = { MALLOC_MMAP_THRESHOLD_: '2097152', GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' }

const started: StartedProcess = {
  platform: 'linux',
  env: { HOME: 'shoal' },
  execPath: '/bin/node',
  execArgv: ['--no-warnings'],
  argv: ['/bin/node', '/shoal/main.ts', 'up', '--model', 'demo'],
  hasChannel: false,
}
const withWords = (...words: string[]): StartedProcess => ({
  ...started,
  argv: ['/bin/node', '/shoal/main.ts', ...words],
})

test('a node starts again with the setting of the allocator, once', () => {
  const again = restartOf(started)
  expect(again).toEqual({
    args: ['/bin/node', '--no-warnings', '/shoal/main.ts', 'up', '--model', 'demo'],
    env: { HOME: 'shoal', ...setting },
  })
  expect(restartOf({ ...started, env: again!.env })).toBeNull()
})

test.each([['rank'], ['bench', 'decode'], ['generate', 'Hello', '--local'], ['chat', '--local']])(
  '%s %s computes in its own process, and starts again too',
  (...words) => {
    expect(restartOf(withWords(...words))?.env).toEqual({ HOME: 'shoal', ...setting })
  },
)

test.each<[string, StartedProcess]>([
  ['a command that holds no weights', withWords('status')],
  ['an answer of a swarm', withWords('generate', 'Hello', '--join', 'address')],
  ['another system', { ...started, platform: 'darwin' }],
  ['a child that its parent talks to', { ...started, hasChannel: true }],
  ['a choice of the user', { ...started, env: { MALLOC_MMAP_THRESHOLD_: '1' } }],
  ['a choice among the tunables', { ...started, env: { GLIBC_TUNABLES: 'glibc.malloc.arena_max=2' } }],
])('%s goes on as it is', (_, process) => {
  expect(restartOf(process)).toBeNull()
})

test('a child gets the setting with its environment, unless the user has chosen', () => {
  expect(allocatorEnvironment({ A: '1' })).toEqual({ A: '1', ...setting })
  expect(allocatorEnvironment({ MALLOC_MMAP_THRESHOLD_: '1' })).toEqual({ MALLOC_MMAP_THRESHOLD_: '1' })
})

test('a program that is no part of Shoal keeps what the user has chosen, and nothing of ours', () => {
  expect(usualEnvironment(allocatorEnvironment({ A: '1' }))).toEqual({ A: '1' })
  expect(usualEnvironment({ MALLOC_MMAP_THRESHOLD_: '1' })).toEqual({ MALLOC_MMAP_THRESHOLD_: '1' })
})
