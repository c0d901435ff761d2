import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type GenerateAnswer } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createWorld, type Up } from './harness.ts'
import { localTokens } from './local-tokens.ts'

const tokens = 120
/** Token after which a member is lost: so late that the others compute too little alone to correct their announced speed. */
const late = 108
const prompt = 'Once upon a time'
/** Announced time per block, with which two near devices are faster together. */
const blockMicros = 40_000

/** Two nodes that count as separate machines. No option says which nodes form a group. */
describe('a group that the plan forms', () => {
  const world = createWorld()
  const folders = { desk: world.folder('desk'), shelf: world.folder('shelf') }
  const machines = new Map<string, keyof typeof folders>()
  const model = ['--model', 'demo', '--weights', 'f32', '--threads', '1']
  let swarm: Awaited<ReturnType<typeof connect>>
  let leader: Up
  let rank: Up
  let expected: readonly number[]

  const start = async (machine: keyof typeof folders, words: readonly string[] = []): Promise<Up> => {
    const node = await world.up([
      ...model,
      ...words,
      '--groups',
      '--machine',
      machine,
      '--data',
      folders[machine],
    ])
    machines.set(node.ready.peerId, machine)
    return node
  }
  /** Writes a slow calibration, since the demo's blocks are too fast for any group to pay. */
  const saySlow = async (): Promise<void> => {
    const timed = await start('desk')
    await timed.stop('SIGKILL')
    const known = JSON.parse(readFileSync(join(folders.desk, 'calibration.json'), 'utf8')) as Record<
      string,
      object
    >
    const slow = Object.fromEntries(
      Object.entries(known).map(([key, speed]) => [
        key,
        { ...speed, decodeMicrosPerBlock: blockMicros, decodeMicrosPer1024Past: 0 },
      ]),
    )
    for (const folder of Object.values(folders)) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'calibration.json'), JSON.stringify(slow))
    }
  }
  /** Generates one answer, and acts when it has a given number of tokens. */
  const answer = async (
    at = -1,
    happens: () => Promise<unknown> = async () => undefined,
  ): Promise<Pick<GenerateAnswer, 'tokenIds' | 'continuity' | 'route'>> => {
    let count = 0
    for await (const { tokenId, result } of swarm.stream(prompt, {
      temperature: 0,
      maxTokens: tokens,
      ignoreEos: true,
    })) {
      if (result !== undefined) return result
      if (tokenId !== null) count += 1
      if (count === at) await happens()
    }
    throw new Error('the stream ended without a result')
  }
  /** Resolves when one node leads the other, and the client knows that. */
  const formed = async (nodes: readonly Up[]): Promise<void> => {
    leader = await Promise.race(nodes.map((node) => node.until(({ ranks }) => ranks === 2).then(() => node)))
    rank = nodes.find((node) => node !== leader)!
    await idle()
  }
  /** Waits until no node is busy: routes avoid a leader that was busy a moment ago. */
  const idle = (): Promise<void> =>
    vi.waitFor(
      () =>
        expect(swarm.status().peers.find(({ peer }) => peer === leader.ready.peerId)).toMatchObject({
          busyPermille: 0,
          group: { ranks: [rank.ready.peerId] },
        }),
      { timeout: 10_000, interval: 100 },
    )

  beforeAll(async () => {
    expected = await localTokens(world, prompt, model, tokens)
    await saySlow()
    const desk = await start('desk')
    const shelf = await start('shelf', ['--join', desk.address])
    swarm = await connect({ join: [desk.address], dataFolder: world.folder('sdk') })
    await formed([desk, shelf])
  })
  afterAll(async () => {
    await swarm?.close()
    await world.close()
  })

  it('answers as one process does', async () => {
    const { tokenIds, route, continuity } = await answer()
    expect(route).toEqual([{ peer: leader.ready.peerId, start: 0, end: 6, ranks: 2 }])
    expect({ tokenIds, continuity }).toEqual({ tokenIds: expected, continuity: 'identical' })
    const { placements, peers } = swarm.status()
    expect(placements).toContainEqual({
      peer: leader.ready.peerId,
      start: 0,
      end: 6,
      group: { ranks: [rank.ready.peerId], speeds: [16, 16] },
    })
    // A rank stays a member, and serves blocks of its own in the memory that its share leaves.
    expect(peers.find(({ peer }) => peer === rank.ready.peerId)).toMatchObject({
      state: 'serving',
      blocks: [0, 6],
    })
  })

  it('when the leader is killed, the rank continues with its own copy; when the leader returns, they form a group again', async () => {
    await idle()
    const found = await answer(late, () => leader.stop('SIGKILL'))
    expect(found).toMatchObject({
      tokenIds: expected,
      continuity: 'continued',
      route: [{ peer: rank.ready.peerId, start: 0, end: 6, ranks: 1 }],
    })
    await formed([rank, await start(machines.get(leader.ready.peerId)!, ['--join', rank.address])])
  })

  it('when the rank is killed, the leader continues alone', async () => {
    const found = await answer(late, () => rank.stop('SIGKILL'))
    expect(found).toMatchObject({
      tokenIds: expected,
      continuity: 'continued',
      route: [{ peer: leader.ready.peerId, start: 0, end: 6, ranks: 1 }],
    })
  })
})
