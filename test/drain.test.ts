import { connect } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

const story = 'Once upon a time'
const options = { temperature: 0, maxTokens: 200, ignoreEos: true } as const

/** Text of a stream of completions. */
const textOf = (events: string): string =>
  events
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map(
      (line) =>
        (JSON.parse(line.slice('data: '.length)) as { choices: { text?: string }[] }).choices[0]?.text ?? '',
    )
    .join('')

describe('a process that gets SIGTERM in the middle of an answer', () => {
  const world = createWorld()
  let first: Up
  let leaving: Up
  const node = (name: string, blocks: string): Promise<Up> =>
    world.up([
      '--model',
      'demo',
      '--join',
      first.address,
      '--blocks',
      blocks,
      '--data',
      world.folder(name),
      '--threads',
      '1',
    ])

  beforeAll(async () => {
    first = await world.up([
      '--model',
      'demo',
      '--blocks',
      '0:2',
      '--data',
      world.folder('first'),
      '--threads',
      '1',
      '--api',
      '127.0.0.1:0',
    ])
    const nodes = await Promise.all([node('middle', '2:4'), node('last', '4:6')])
    leaving = nodes[0]
  })
  afterAll(() => world.close())

  it('hands its session over to two nodes that hold half of its blocks each, and ends before the answer: same text, no failover', async () => {
    const swarm = await connect({
      model: 'demo',
      join: [first.address],
      dataFolder: world.folder('client'),
      threads: 1,
    })
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
        // Started only now, so that the session cannot have begun there.
        if (parts === 20) halves = await Promise.all([node('half-0', '2:3'), node('half-1', '3:4')])
        if (parts === 30) void leaving.stop('SIGTERM')
        if (parts !== 150) continue
        // It ends by itself while the answer goes on, and reports these events in this order.
        expect(await leaving.ended, leaving.obituary()).toBe(0)
        await leaving.until(({ event }) => event === 'draining')
        const moved = await leaving.until(({ event, to }) => event === 'session-moved' && to !== undefined)
        expect(moved.to).toEqual(halves.map(({ ready }) => ready.peerId))
        await leaving.until(({ event }) => event === 'stopped')
      }
      expect(text).toBe(whole.text)
      expect(result).toMatchObject({ moves: 1, failovers: 0, continuity: 'identical', completionTokens: 200 })
      expect(result?.route.slice(1, 3).map(({ peer, start, end }) => [peer, start, end])).toEqual(
        halves.map(({ ready }) => [ready.peerId, ...(ready.blocks ?? [])]),
      )
    } finally {
      await swarm.close()
    }
  }, 120_000)

  it('stays until its own answer has ended, and the session whose blocks no other node holds', async () => {
    const body = JSON.stringify({
      model: 'demo',
      prompt: story,
      temperature: 0,
      max_tokens: 200,
      stream: true,
    })
    const ask = (): Promise<Response> =>
      fetch(`${first.ready.api}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    const whole = await (await ask()).text()
    const decoder = new TextDecoder()
    let answer = ''
    for await (const bytes of (await ask()).body!) {
      if (answer === '') void first.stop('SIGTERM')
      answer += decoder.decode(bytes, { stream: true })
    }
    expect(textOf(answer)).toBe(textOf(whole))
    expect(answer.trimEnd().endsWith('[DONE]')).toBe(true)
    expect(await first.ended, first.obituary()).toBe(0)
  })
})
