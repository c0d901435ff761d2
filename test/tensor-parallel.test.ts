import { connect, type GenerateAnswer } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'
import { localTokens } from './local-tokens.ts'

const tokens = 120
const prompt = 'Once upon a time'
const options = { temperature: 0, maxTokens: tokens, ignoreEos: true }

/**
 * Two stages of two ranks each, every block computed by two processes; then one process after the other is killed in
 * the middle of an answer. Groups with quantised weights are in packages/session/src/over-groups.
 */
describe('a 2 × 2 swarm', () => {
  const world = createWorld()
  /** Ranks of the first and the second stage, and a spare. */
  let one: Up
  let two: Up
  let spare: Up
  /** Leaders of the two stages. */
  let first: Up
  let second: Up
  /** Leader of the second stage after the death of the first leader. */
  let heir: Up
  let swarm: Awaited<ReturnType<typeof connect>>
  let undisturbed: readonly number[]
  const spareFolder = world.folder('spare')
  const model = ['--model', 'demo', '--weights', 'f32', '--threads', '1']
  const up = (name: string, blocks: string, words: readonly string[] = []): Promise<Up> =>
    world.up([
      ...model,
      ...(name === 'first' ? [] : ['--join', first.address]),
      '--blocks',
      blocks,
      ...words,
      '--data',
      world.folder(name),
    ])

  beforeAll(async () => {
    ;[one, two, spare] = (await Promise.all(
      [world.folder('one'), world.folder('two'), spareFolder].map((folder) =>
        world.rank([...model, '--data', folder]),
      ),
    )) as [Up, Up, Up]
    first = await up('first', '0:3', ['--rank', one.address, '--spare', spare.address])
    second = await up('second', '3:6', ['--rank', two.address, '--spare', spare.address])
    swarm = await connect({
      model: 'demo',
      weights: 'f32',
      join: [first.address],
      dataFolder: world.folder('sdk'),
    })
  })
  afterAll(async () => {
    await swarm?.close()
    await world.close()
  })

  /** Generates one answer, and acts when it has a given number of tokens. */
  const answer = async (
    events: Readonly<Record<number, () => Promise<unknown>>> = {},
  ): Promise<Pick<GenerateAnswer, 'tokenIds' | 'failovers' | 'continuity' | 'route'>> => {
    let count = 0
    for await (const { tokenId, result } of swarm.stream(prompt, options)) {
      if (result !== undefined) return result
      if (tokenId !== null) count += 1
      await events[count]?.()
    }
    throw new Error('the stream ended without a result')
  }

  it('answers as one process does', async () => {
    const result = await answer()
    undisturbed = result.tokenIds
    expect(result.route).toEqual([
      { peer: first.ready.peerId, start: 0, end: 3, ranks: 2 },
      { peer: second.ready.peerId, start: 3, end: 6, ranks: 2 },
    ])
    expect(undisturbed).toEqual(await localTokens(world, prompt, model, tokens))
  })

  // Windows cannot stop a process.
  const stands = process.platform !== 'win32'
  it(`a rank ${stands ? 'stands still' : 'is killed'}, there is a spare: the same tokens`, async () => {
    const found = await answer({
      40: async () => (stands ? two.process.kill('SIGSTOP') : two.stop('SIGKILL')),
    })
    if (stands) await two.stop('SIGKILL')
    // The leader repaired its group, so that the stage was never lost.
    expect(found).toMatchObject({ tokenIds: undisturbed, failovers: 0, continuity: 'identical' })
  })

  it('when a leader is killed, its rank joins another leader with the same split: the same tokens', async () => {
    const found = await answer({
      40: async () => {
        await second.stop('SIGKILL')
        heir = await up('heir', '3:6', ['--rank', spare.address])
      },
    })
    expect(found).toMatchObject({ tokenIds: undisturbed, continuity: 'identical' })
    expect(found.failovers).toBeGreaterThanOrEqual(1)
    expect(found.route).toContainEqual({ peer: heir.ready.peerId, start: 3, end: 6, ranks: 2 })
  })

  it('a rank without a spare is killed, then the leader of the other stage: a single peer goes on, `continued`', async () => {
    let plain: Up | undefined
    const found = await answer({
      30: async () => {
        plain = await up('plain', '0:6')
        await spare.stop('SIGKILL')
      },
      70: () => first.stop('SIGKILL'),
    })
    expect(found.continuity).toBe('continued')
    expect(found.failovers).toBeGreaterThanOrEqual(2)
    expect(found.tokenIds).toHaveLength(tokens)
    // The tokens streamed before the loss stay.
    expect(found.tokenIds.slice(0, 30)).toEqual(undisturbed.slice(0, 30))
    expect(new Set(found.route.map(({ peer }) => peer))).toEqual(new Set([plain?.ready.peerId]))
  })

  it('no route passes a group that lost its rank; when the rank returns, the group serves again', async () => {
    await heir.until(({ event, blocks }) => event === 'blocks-changed' && blocks === null)
    const { route, tokenIds } = await answer()
    expect(tokenIds).toHaveLength(tokens)
    expect(route.every(({ ranks }) => ranks === 1)).toBe(true)
    const again = new Promise((resolve) =>
      heir.onEvent((event) => (event.event === 'blocks-changed' ? resolve(event) : undefined)),
    )
    const [listen] = spare.address.split('/p2p/') as [string]
    await world.rank([...model, '--listen', listen, '--data', spareFolder])
    expect(await again).toMatchObject({ blocks: [3, 6] })
  })
})
