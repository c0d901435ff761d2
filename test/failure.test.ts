import { connect, type SwarmClient } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

const story = 'Once upon a time'
/** Longer than either test needs; its context has room for it. */
const long = { temperature: 0, maxTokens: 64, ignoreEos: true } as const

describe('three real processes, one of which ends during a generation', () => {
  const world = createWorld()
  const nodes: Up[] = []
  let client: SwarmClient

  const sessions = (): Record<string, number> =>
    Object.fromEntries(
      client
        .status()
        .peers.filter(({ liveness }) => liveness === 'alive')
        .map(({ peer, sessions: open }) => [peer, open]),
    )
  const peerOf = (index: number): string => nodes[index]!.ready.peerId
  const join = (blocks: string): Promise<Up> =>
    world.up([
      '--join',
      nodes[0]!.address,
      '--blocks',
      blocks,
      '--data',
      world.folder('node'),
      '--threads',
      '1',
    ])

  beforeAll(async () => {
    nodes.push(
      await world.up([
        '--model',
        'demo',
        '--blocks',
        '0:2',
        '--data',
        world.folder('node'),
        '--threads',
        '1',
      ]),
    )
    nodes.push(...(await Promise.all([join('2:4'), join('4:6')])))
    client = await connect({
      join: [nodes[0]!.address],
      dataFolder: world.folder('client'),
      threads: 1,
      replacementWaitMs: 1000,
    })
  })
  afterAll(async () => {
    await client.close()
    await world.close()
  })

  it('SIGTERM drains: the node finishes the running answer, accepts no new ones, and exits with 0', async () => {
    const expected = await client.generate(story, long)
    let tokens = 0
    let text = ''
    for await (const part of client.stream(story, long)) {
      text += part.text
      tokens += 1
      if (tokens !== 3) continue
      void nodes[2]!.stop()
      await nodes[2]!.until(({ event }) => event === 'draining')
      await expect.poll(() => client.status().covered, { timeout: 10_000 }).toBe(false)
      await expect(client.generate(story, long)).rejects.toMatchObject({
        code: 'no-route',
        message: expect.stringContaining('blocks 4 to 5') as unknown,
      })
      // The process waits for this answer.
      expect(nodes[2]!.process.exitCode).toBeNull()
    }
    expect(text).toBe(expected.text)
    expect(await nodes[2]!.ended).toBe(0)
    nodes[2] = await join('4:6')
    await expect.poll(() => client.status().covered, { timeout: 10_000 }).toBe(true)
  })

  it('F6: kill -9 of the only holder gives an error that names it and its blocks, and the other nodes keep no session', async () => {
    let tokens = 0
    const generating = (async () => {
      for await (const part of client.stream(story, long)) {
        tokens += part.text === '' ? 0 : 1
        if (tokens === 3) nodes[1]!.process.kill('SIGKILL')
      }
    })()
    await expect(generating).rejects.toMatchObject({
      code: 'no-route',
      peer: peerOf(1),
      message: expect.stringMatching(
        new RegExp(`blocks 2 to 3 at ${peerOf(1)}: .*nobody live serves blocks 2 to 3 of demo .*waited 1 s`),
      ) as unknown,
    })
    await nodes[1]!.ended
    await expect.poll(sessions, { timeout: 10_000 }).toEqual({ [peerOf(0)]: 0, [peerOf(2)]: 0 })
    await expect(client.generate(story, long)).rejects.toMatchObject({
      code: 'no-route',
      message: expect.stringContaining('blocks 2 to 3') as unknown,
    })
  })

  it('with another process in its place the swarm answers again', async () => {
    nodes[1] = await join('2:4')
    await expect.poll(() => client.status().covered, { timeout: 10_000 }).toBe(true)
    const { route, completionTokens } = await client.generate(story, { ...long, maxTokens: 8 })
    expect(completionTokens).toBe(8)
    expect(route.map(({ peer }) => peer)).toEqual([0, 1, 2].map(peerOf))
  })
})
