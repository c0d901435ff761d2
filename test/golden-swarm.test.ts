import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, root, type Ended, type Up } from './harness.ts'

interface Golden {
  readonly cases: readonly { readonly prompt: readonly number[]; readonly greedy: readonly number[] }[]
}
interface Generated {
  readonly tokenIds: readonly number[]
  readonly route: readonly { readonly peer: string; readonly start: number; readonly end: number }[]
}

const generated = (ended: Ended): Generated => ended.json() as Generated
const names = ['llama', 'llama3_rope', 'qwen2', 'qwen3', 'mistral_swa']
const greedy = ['--max-tokens', '32', '--temperature', '0', '--ignore-eos', '--json']

describe.each(names)('%s over three real processes', (name) => {
  const world = createWorld()
  const folder = join(root, 'test', 'golden', name)
  const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as Golden
  const nodes: Up[] = []

  beforeAll(async () => {
    nodes.push(
      await world.up(['--model', folder, '--weights', 'f32', '--blocks', '0:1', '--data', world.folder('a')]),
    )
    // These nodes know only an address: model, profile and weights come from the swarm.
    const join = ['--join', nodes[0]!.address]
    nodes.push(
      ...(await Promise.all([
        world.up([...join, '--blocks', '1:2', '--data', world.folder('b')]),
        world.up([...join, '--blocks', '2:3', '--data', world.folder('c')]),
      ])),
    )
  })
  afterAll(() => world.close())

  it('gives the golden greedy ids', async () => {
    for (const { prompt, greedy: expected } of golden.cases) {
      const ids = ['--prompt-ids', prompt.join(','), ...greedy]
      const swarm = await world.run(['generate', '--model', folder, '--join', nodes[0]!.address, ...ids])
      expect(swarm.code, swarm.stderr).toBe(0)
      const { tokenIds, route } = generated(swarm)
      expect(tokenIds).toEqual(expected)
      expect(route.map(({ peer, start, end }) => ({ peer, start, end }))).toEqual(
        nodes.map(({ ready }, i) => ({ peer: ready.peerId, start: i, end: i + 1 })),
      )
    }
    const local = await world.run([
      'generate',
      '--model',
      folder,
      '--local',
      '--weights',
      'f32',
      '--prompt-ids',
      golden.cases[1]!.prompt.join(','),
      ...greedy,
    ])
    expect(generated(local).tokenIds).toEqual(golden.cases[1]!.greedy)
  })
})
