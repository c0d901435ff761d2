import { afterAll, expect, test } from 'vitest'
import { createWorld } from './harness.ts'

const world = createWorld()
afterAll(() => world.close())

test('shoal sim plays a scenario, and a seed gives the same run in every process', async () => {
  const play = async (): Promise<Record<string, unknown>> => {
    const ended = await world.run(['sim', 'home-wifi', '--seed', '7', '--json'])
    expect(ended.code).toBe(0)
    return ended.json() as Record<string, unknown>
  }
  const [first, again] = await Promise.all([play(), play()])
  expect(first).toMatchObject({
    scenario: 'home-wifi',
    seed: 7,
    nodes: 5,
    tokens: 96,
    tokensLost: 0,
    tokensChanged: 0,
    violations: [],
  })
  for (const name of [
    'virtualSeconds',
    'failovers',
    'detectionMsP50',
    'detectionMsP99',
    'recoveryMsP50',
    'recoveryMsP99',
    'bytesPerPeerPerSecond',
    'planMs',
  ])
    expect(typeof first[name]).toBe('number')
  // Real times are not part of the run.
  const clocks = { planMs: 0, realSeconds: 0 }
  expect({ ...again, ...clocks }).toEqual({ ...first, ...clocks })
})

test('a violation gives status 1 and the command that repeats the run', async () => {
  const ended = await world.run(['sim', 'wrong-numbers', '--seed', '3', '--json'])
  const { violations, repeat, tokensChanged } = ended.json() as {
    violations: string[]
    repeat: string
    tokensChanged: number
  }
  expect({ code: ended.code, repeat }).toEqual({
    code: 1,
    repeat: 'npx shoal sim wrong-numbers --seed 3 --nodes 5',
  })
  expect(violations.join('\n')).toMatch(/token \d+ of the answer begun at .* is \d+ instead of \d+/)
  expect(tokensChanged).toBeGreaterThan(0)
})

test('shoal sim lists its scenarios and refuses unknown ones', async () => {
  const list = await world.run(['sim', 'list', '--json'])
  expect((list.json() as { scenarios: { name: string }[] }).scenarios.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['lan', 'chaos', 'F1-kill-before-answer']),
  )
  const unknown = await world.run(['sim', 'nowhere', '--json'])
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain('there is no scenario nowhere')
})
