import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, root, type Up } from './harness.ts'

interface Golden {
  readonly cases: readonly { readonly prompt: readonly number[]; readonly greedy: readonly number[] }[]
}

const golden = (name: string): string => join(root, 'test', 'golden', name)
const published = (name: string): string =>
  join(process.env['SHOAL_TEST_DATA'] ?? join(root, '../shared/data'), '../golden', name)
// The tests of packages cut every family at every block in one process; these cover a model's way between processes, which
// `npm run chaos -- golden` does with all of them.
const models = [
  // A Llama whose config, tokenizer and weights come from a GGUF file.
  {
    ref: join(root, 'test', 'gguf', 'stories260K-Q4_0.gguf'),
    answers: join(root, 'test', 'gguf', 'stories260K-Q4_0.json'),
    spans: ['0:2', '2:4', '4:5'],
  },
  { ref: golden('qwen3'), answers: join(golden('qwen3'), 'golden.json'), spans: ['0:1', '1:2', '2:3'] },
  // Experts that share tensors, in 4-bit floats: each is a unit of its own for the peers.
  {
    ref: published('gpt_oss_mxfp4'),
    answers: join(published('gpt_oss_mxfp4'), 'golden.json'),
    spans: ['0:1', '1:2'],
  },
]
const absent = models.filter(({ ref }) => !existsSync(ref))

describe.skipIf(absent.length === 0)('golden models that are not on this machine', () => {
  it.skip.each(absent)('$ref (needs the test data)', () => undefined)
})

describe.each(models.filter((model) => !absent.includes(model)))(
  '$ref over real processes',
  ({ ref, answers, spans }) => {
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
      const client = await connect({
        model: ref,
        join: [nodes[0]!.address],
        dataFolder: world.folder('client'),
        threads: 1,
      })
      try {
        for (const { prompt, greedy } of cases) {
          const { tokenIds, route } = await client.generate([...prompt], {
            maxTokens: 32,
            temperature: 0,
            ignoreEos: true,
          })
          expect(tokenIds).toEqual(greedy)
          expect(route.map(({ peer, start, end }) => ({ peer, span: `${start}:${end}` }))).toEqual(
            nodes.map(({ ready }, index) => ({ peer: ready.peerId, span: spans[index] })),
          )
        }
      } finally {
        await client.close()
      }
    })
  },
)
