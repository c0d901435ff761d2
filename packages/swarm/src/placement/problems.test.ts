import { silentLogger } from '@shoal/host'
import type { Announcement } from '@shoal/membership'
import { expect, test } from 'vitest'
import type { SwarmEvent } from '../types.ts'
import { createProblems, withoutPaths } from './problems.ts'

test('blocks that cannot be loaded are an event each time, and one announcement until they are loaded', () => {
  const announced: Announcement[] = []
  const events: SwarmEvent[] = []
  const problems = createProblems({
    logger: silentLogger,
    membership: { announce: async (patch) => void announced.push(patch) },
    onEvent: (event) => events.push(event),
  })
  problems.solved()
  problems.loadingFailed({ start: 2, end: 4 }, 'no peer could give unit block-2')
  problems.loadingFailed({ start: 2, end: 4 }, 'no peer could give unit block-2')
  problems.solved()
  problems.solved()
  const event = { event: 'span-loading-failed', blocks: [2, 4], reason: 'no peer could give unit block-2' }
  expect(events).toEqual([event, event])
  expect(announced).toEqual([
    { problem: 'blocks 2 to 3 cannot be loaded: no peer could give unit block-2' },
    { problem: '' },
  ])
})

test('what the machine lacks is told beside the blocks, until it lacks nothing', () => {
  const announced: Announcement[] = []
  const problems = createProblems({
    logger: silentLogger,
    membership: { announce: async (patch) => void announced.push(patch) },
    onEvent: () => undefined,
  })
  problems.machine('too many files are open')
  problems.solved()
  problems.loadingFailed({ start: 0, end: 1 }, 'no room')
  problems.machine('')
  expect(announced).toEqual([
    { problem: 'too many files are open' },
    { problem: 'too many files are open; blocks 0 to 0 cannot be loaded: no room' },
    { problem: 'blocks 0 to 0 cannot be loaded: no room' },
  ])
})

test('an announced reason is cut to what a record may have', () => {
  const announced: Announcement[] = []
  createProblems({
    logger: silentLogger,
    membership: { announce: async (patch) => void announced.push(patch) },
    onEvent: () => undefined,
  }).loadingFailed({ start: 0, end: 1 }, 'x'.repeat(1000))
  expect(announced[0]?.problem).toHaveLength(256)
})

test.each([
  ["'/data/ada/.shoal/models/a' has no room", "'…' has no room"],
  ['C:\\Users\\ada\\models cannot grow: the disk is full', '… cannot grow: the disk is full'],
  ['C:\\Users\\Ada Byron\\models\\a cannot grow', '… cannot grow'],
  ['1.5 GiB/s and 3/4 stay', '1.5 GiB/s and 3/4 stay'],
])('no path of this machine is told to others: %s', (reason, told) => {
  expect(withoutPaths(reason)).toBe(told)
})
