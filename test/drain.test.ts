import { connect } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

const story = 'Once upon a time'
const options = { temperature: 0, maxTokens: 200, ignoreEos: true } as const

describe('a process that is told to leave in mid-answer', () => {
  const world = createWorld()
  let first: Up
  let leaving: Up
  const node = (name: string, blocks: string): Promise<Up> => world.up(['--model', 'demo', '--join', first.address, '--blocks', blocks, '--data', world.folder(name), '--threads', '1'])

  beforeAll(async () => {
    first = await world.up(['--model', 'demo', '--blocks', '0:2', '--data', world.folder('first'), '--threads', '1'])
    const nodes = await Promise.all([node('middle', '2:4'), node('last', '4:6')])
    leaving = nodes[0]
  })
  afterAll(() => world.close())

  it('hands its session over to two others that hold a half of its blocks each: the same text, no failover, and it ends before the answer', async () => {
    const swarm = await connect({ model: 'demo', join: [first.address], dataFolder: world.folder('client'), threads: 1 })
    try {
      const whole = await swarm.generate(story, options)
      let halves: Up[] = []
      let text = ''
      let parts = 0
      let result: Pick<typeof whole, 'route'> | undefined
      for await (const part of swarm.stream(story, options)) {
        text += part.text
        result = part.result
        parts += 1
        // Only now, so that this session cannot have begun there.
        if (parts === 20) halves = await Promise.all([node('half-0', '2:3'), node('half-1', '3:4')])
        if (parts === 30) void leaving.stop('SIGTERM')
        if (parts !== 150) continue
        // By itself, while the answer goes on; what it says is in this order.
        expect(await leaving.ended, leaving.obituary()).toBe(0)
        await leaving.until(({ event }) => event === 'draining')
        const moved = await leaving.until(({ event, to }) => event === 'session-moved' && to !== undefined)
        expect(moved.to).toEqual(halves.map(({ ready }) => ready.peerId))
        await leaving.until(({ event }) => event === 'stopped')
      }
      expect(text).toBe(whole.text)
      expect(result).toMatchObject({ moves: 1, failovers: 0, continuity: 'identical', completionTokens: 200 })
      expect(result?.route.slice(1, 3).map(({ peer, start, end }) => [peer, start, end])).toEqual(halves.map(({ ready }) => [ready.peerId, ...(ready.blocks ?? [])]))

      // Nobody else holds block 3: who does, stays until the answer is whole.
      text = ''
      for await (const part of swarm.stream(story, options)) {
        if (text === '') void halves[1]!.stop('SIGTERM')
        text += part.text
        result = part.result
      }
      expect(text).toBe(whole.text)
      expect(result).toMatchObject({ moves: 0, failovers: 0, continuity: 'identical' })
      expect(await halves[1]!.ended).toBe(0)
    } finally {
      await swarm.close()
    }
  }, 120_000)
})
