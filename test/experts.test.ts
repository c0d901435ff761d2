import { connect, type GenerateResult } from '@shoal/client'
import { demoModelFolder } from '@shoal/demo-model'
import { writeRandomModel } from '@shoal/model/node'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

const tokens = 40
const prompt = 'Once upon a time'

/** Two blocks of 24 experts of 384 KiB each: a block's experts take 9 MiB. */
const shape = {
  family: 'qwen3_moe',
  hidden: 256,
  blocks: 2,
  heads: 8,
  keyValueHeads: 4,
  headSize: 32,
  feedForward: 384,
  experts: { count: 24, active: 4, size: 128 },
  vocabulary: 2048,
  context: 512,
  tied: true,
  seed: 7,
} as const

/** Less than the experts of one block. */
const memory = ['--memory', '8.5MiB']

describe('a model whose experts fit no single process', () => {
  const world = createWorld()
  const folder = world.folder('model')
  const model = ['--model', folder, '--weights', 'f32', '--threads', '1']
  let ranks: Up[]
  let swarm: Awaited<ReturnType<typeof connect>>

  beforeAll(async () => {
    await writeRandomModel(folder, shape)
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      copyFileSync(join(demoModelFolder, file), join(folder, file))
    ranks = await Promise.all(
      ['one', 'two', 'three', 'spare'].map((name) =>
        world.rank([...model, ...memory, '--data', world.folder(name)]),
      ),
    )
    const [spare, ...members] = [...ranks].reverse() as [Up, Up, Up, Up]
    const leader = await world.up([
      ...model,
      ...memory,
      '--blocks',
      '0:2',
      '--spare',
      spare.address,
      ...members.flatMap(({ address }) => ['--rank', address]),
      '--data',
      world.folder('leader'),
    ])
    swarm = await connect({
      model: folder,
      weights: 'f32',
      join: [leader.address],
      dataFolder: world.folder('sdk'),
    })
  })
  afterAll(async () => {
    await swarm?.close()
    await world.close()
  })

  it('is computed by four, and answers as one process does; also when the holder of some experts is killed and a spare takes them', async () => {
    const local = await world.run([
      'generate',
      prompt,
      '--raw',
      ...model,
      '--temperature',
      '0',
      '--ignore-eos',
      '--max-tokens',
      `${tokens}`,
      '--local',
      '--json',
    ])
    const expected = (local.json() as { tokenIds: number[] }).tokenIds
    expect(expected).toHaveLength(tokens)
    for (const victim of [undefined, ranks[1]]) {
      let result: GenerateResult | undefined
      let count = 0
      for await (const step of swarm.stream(prompt, { temperature: 0, maxTokens: tokens, ignoreEos: true })) {
        result = step.result ?? result
        if (step.tokenId !== null) count += 1
        if (count === 15) await victim?.stop('SIGKILL')
      }
      expect(result).toMatchObject({ tokenIds: expected, failovers: 0, continuity: 'identical' })
      expect(result?.route).toMatchObject([{ start: 0, end: 2, ranks: 4 }])
    }
  })
})
