import { connect, type GenerateResult } from '@shoal/client'
import { demoModelFolder } from '@shoal/demo-model'
import { writeRandomModel } from '@shoal/model/node'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createWorld, type Up } from './harness.ts'
import { localTokens } from './local-tokens.ts'

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

/** Room for the share of one of three ranks with the cache of a whole context, and not for one block. */
const plannedMemory = ['--memory', '12MiB']

describe('a model whose experts fit no single process', () => {
  const world = createWorld()
  const folder = world.folder('model')
  const model = ['--model', folder, '--weights', 'f32', '--threads', '1']
  let expected: readonly number[]

  beforeAll(async () => {
    await writeRandomModel(folder, shape)
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      copyFileSync(join(demoModelFolder, file), join(folder, file))
    expected = await localTokens(world, prompt, model, tokens)
    expect(expected).toHaveLength(tokens)
  })
  afterAll(() => world.close())

  const connected = (address: string, data: string) =>
    connect({ model: folder, weights: 'f32', join: [address], dataFolder: world.folder(data) })
  type Swarm = Awaited<ReturnType<typeof connected>>
  /** One answer, in the middle of which a node may be killed. */
  const answer = async (swarm: Swarm, victim?: Up): Promise<GenerateResult | undefined> => {
    let result: GenerateResult | undefined
    let count = 0
    for await (const step of swarm.stream(prompt, { temperature: 0, maxTokens: tokens, ignoreEos: true })) {
      result = step.result ?? result
      if (step.tokenId !== null) count += 1
      if (count === 15) await victim?.stop('SIGKILL')
    }
    return result
  }

  it('is computed by four, and answers as one process does; also when the holder of some experts is killed and a spare takes them', async () => {
    const ranks = await Promise.all(
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
    const swarm = await connected(leader.address, 'sdk')
    for (const victim of [undefined, ranks[1]]) {
      const result = await answer(swarm, victim)
      expect(result).toMatchObject({ tokenIds: expected, failovers: 0, continuity: 'identical' })
      expect(result?.route).toMatchObject([{ start: 0, end: 2, ranks: 4 }])
    }
    await swarm.close()
    for (const node of [leader, ...ranks]) if (node !== ranks[1]) await node.stop('SIGKILL')
  })

  it('is computed by a group that the plan forms of three nodes; when one is killed, the fourth takes its experts', async () => {
    const start = (name: string, words: readonly string[] = []): Promise<Up> =>
      world.up([
        ...model,
        ...plannedMemory,
        ...words,
        '--groups',
        '--machine',
        name,
        '--data',
        world.folder(`planned-${name}`),
      ])
    const first = await start('a')
    const nodes = [
      first,
      ...(await Promise.all(['b', 'c'].map((name) => start(name, ['--join', first.address])))),
    ]
    const leader = await Promise.race(
      nodes.map((node) => node.until(({ ranks }) => ranks === 3).then(() => node)),
    )
    // Four nodes at once may also form two groups of two, when their measured speeds differ enough.
    await start('d', ['--join', first.address])
    const swarm = await connected(first.address, 'planned-sdk')
    const groupOf = () =>
      swarm.status().peers.find(({ peer }) => peer === leader.ready.peerId)?.group?.ranks ?? []
    await vi.waitFor(() => expect(groupOf()).toHaveLength(2), { timeout: 10_000, interval: 100 })
    const victim = nodes.find(({ ready }) => ready.peerId === groupOf()[0])!
    for (const killed of [undefined, victim]) {
      const result = await answer(swarm, killed)
      expect(result).toMatchObject({ tokenIds: expected, continuity: 'identical' })
      expect(result?.route).toMatchObject([{ start: 0, end: 2, ranks: 3 }])
    }
    await swarm.close()
  })
})
