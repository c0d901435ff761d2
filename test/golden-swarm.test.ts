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
const golden = (name: string): string => join(root, 'test', 'golden', name)
const models = [
  // A Llama whose config, tokenizer and weights come from a GGUF file.
  {
    ref: join(root, 'test', 'gguf', 'stories260K-Q4_0.gguf'),
    answers: join(root, 'test', 'gguf', 'stories260K-Q4_0.json'),
    spans: ['0:2', '2:4', '4:5'],
  },
  ...['llama3_rope', 'qwen2', 'qwen3', 'mistral_swa'].map((name) => ({
    ref: golden(name),
    answers: join(golden(name), 'golden.json'),
    spans: ['0:1', '1:2', '2:3'],
  })),
]
const greedy = ['--max-tokens', '32', '--temperature', '0', '--ignore-eos', '--json']

describe.each(models)('$ref over three real processes', ({ ref, answers, spans }) => {
  const world = createWorld()
  const { cases } = JSON.parse(readFileSync(answers, 'utf8')) as Golden
  const nodes: Up[] = []

  beforeAll(async () => {
    const [first, ...others] = spans
    nodes.push(
      await world.up(['--model', ref, '--weights', 'f32', '--blocks', first!, '--data', world.folder('0')]),
    )
    // These nodes know only an address: model, profile and weights come from the swarm.
    const join = ['--join', nodes[0]!.address]
    nodes.push(
      ...(await Promise.all(
        others.map((span, index) =>
          world.up([...join, '--blocks', span, '--data', world.folder(`${index + 1}`)]),
        ),
      )),
    )
  })
  afterAll(() => world.close())

  it('gives the golden greedy ids', async () => {
    for (const { prompt, greedy: expected } of cases) {
      const ids = ['--prompt-ids', prompt.join(','), ...greedy]
      const swarm = await world.run(['generate', '--model', ref, '--join', nodes[0]!.address, ...ids])
      expect(swarm.code, swarm.stderr).toBe(0)
      const { tokenIds, route } = generated(swarm)
      expect(tokenIds).toEqual(expected)
      expect(route.map(({ peer, start, end }) => ({ peer, span: `${start}:${end}` }))).toEqual(
        nodes.map(({ ready }, index) => ({ peer: ready.peerId, span: spans[index] })),
      )
    }
    const { prompt, greedy: expected } = cases[1]!
    const ids = ['--prompt-ids', prompt.join(','), ...greedy]
    const local = await world.run(['generate', '--model', ref, '--local', '--weights', 'f32', ...ids])
    expect(generated(local).tokenIds).toEqual(expected)
  })
})
