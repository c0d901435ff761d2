import { expect, test } from 'vitest'
import { makeRequest } from './requests.ts'
import { form } from './calm.ts'
import { topologies } from './topologies.ts'
import { createWorld, memoryFor } from './world.ts'

test('a new answer avoids every stage of the best route when all of them are full', async () => {
  const world = await createWorld({
    seed: 1,
    topology: topologies[0]!,
    nodes: 0,
    model: 'tiny',
    runner: 'cost',
  })
  for (const [kind, decodeMicrosPerBlock] of [
    ['fast', 300],
    ['slow', 30_000],
  ] as const) {
    for (let start = 0; start < 8; start += 2)
      world.add({
        name: `${kind}-${start}`,
        site: 0,
        memoryBytes: memoryFor(2, world.model),
        decodeMicrosPerBlock,
        numericClass: 'one',
        blocks: [start, start + 2],
      })
  }
  await form(world, ['c0', 'c1'])
  const ask = async (client: string): Promise<readonly [number, string | undefined]> => {
    const generation = await world.ask(client, makeRequest(world.random, 4, 300, 64))
    await world.loop.until(() => generation.tokens.length > 0 || generation.state !== 'running', 20_000)
    return [generation.tokens.length, generation.error?.message]
  }
  const busy = (): string[] =>
    [...world.nodes].filter(([, { member }]) => member.stageHost.sessions() > 0).map(([name]) => name)

  expect(await ask('c1')).toEqual([1, undefined])
  expect(busy()).toEqual(['fast-0', 'fast-2', 'fast-4', 'fast-6'])
  // Four refusals, one for each full stage.
  expect(await ask('c0')).toEqual([1, undefined])
  expect(busy()).toHaveLength(8)
  expect(world.rules.violations).toEqual([])
})
