import { connect } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Ended, type Up } from './harness.ts'

interface Generated {
  readonly tokenIds: readonly number[]
  readonly route: readonly { readonly peer: string }[]
  readonly failovers: number
  readonly continuity: string
}
const generated = (ended: Ended): Generated => ended.json() as Generated

const prompt = 'Tell me a story.'
const tokens = 200
const words = [
  prompt,
  '--model',
  'demo',
  '--temperature',
  '0',
  '--ignore-eos',
  '--max-tokens',
  String(tokens),
  '--json',
]

describe('a process that is killed in the middle of an answer', () => {
  const world = createWorld()
  let first: Up
  /** Two nodes that hold the same blocks. */
  let doubles: Up[]
  let local: Generated

  beforeAll(async () => {
    first = await world.up(['--model', 'demo', '--blocks', '0:2', '--data', world.folder('first')])
    const node = (name: string, blocks: string) =>
      world.up(['--model', 'demo', '--join', first.address, '--blocks', blocks, '--data', world.folder(name)])
    const [last, ...same] = await Promise.all([
      node('last', '4:6'),
      node('double-0', '2:4'),
      node('double-1', '2:4'),
      node('double-2', '2:4'),
    ])
    doubles = same
    expect(last.ready.blocks).toEqual([4, 6])
    local = generated(await world.run(['generate', ...words, '--local']))
    expect(local.tokenIds).toHaveLength(tokens)
  })
  afterAll(() => world.close())

  it('kill -9 while `shoal generate` runs changes no token', async () => {
    const opened = Promise.race(
      doubles.map((double) => double.until(({ event }) => event === 'session-opened').then(() => double)),
    )
    let begin = (): void => undefined
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const running = world.run(['generate', ...words, '--log-level', 'debug', '--join', first.address], {
      onLog: (line) => {
        if (line.includes('session-started')) begin()
      },
    })
    const [inUse] = await Promise.all([opened, Promise.race([begun, running])])
    await inUse.stop('SIGKILL')
    doubles = doubles.filter((double) => double !== inUse)
    const ended = await running
    expect(ended.code, ended.stderr).toBe(0)
    const swarm = generated(ended)
    expect(swarm.failovers).toBeGreaterThanOrEqual(1)
    expect(swarm.continuity).toBe('identical')
    expect(swarm.route.map(({ peer }) => peer)).not.toContain(inUse.ready.peerId)
    expect(swarm.tokenIds).toEqual(local.tokenIds)
    expect(ended.stderr).toContain('stage-lost')
  })

  it('kill -9 between two tokens changes no text', async () => {
    const options = { temperature: 0, maxTokens: tokens }
    const swarm = await connect({ model: 'demo', join: [first.address], dataFolder: world.folder('sdk') })
    try {
      const whole = await swarm.generate('Once upon a time', options)
      let text = ''
      let parts = 0
      // The stage may differ from that of the first answer: a route takes either of the two nodes.
      let streaming = false
      const inUse = Promise.race(
        doubles.map((double) =>
          double.until(({ event }) => streaming && event === 'session-opened').then(() => double),
        ),
      )
      streaming = true
      let result: Pick<Generated, 'failovers' | 'continuity'> | undefined
      for await (const part of swarm.stream('Once upon a time', options)) {
        text += part.text
        result = part.result
        parts += 1
        if (parts === 60) await (await inUse).stop('SIGKILL')
      }
      expect(text).toBe(whole.text)
      expect(parts).toBeGreaterThan(60)
      expect(result).toMatchObject({ failovers: 1, continuity: 'identical' })
    } finally {
      await swarm.close()
    }
  })
})
