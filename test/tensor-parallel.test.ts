import { connect } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

const tokens = 120
const prompt = 'Once upon a time'

/** Two stages of two ranks each, six processes: every block is computed by two of them. */
describe.each(['f32', 'int4:32'])('a 2 × 2 swarm, %s', (weights) => {
  const world = createWorld()
  let ranks: Up[]
  let leaders: Up[]
  let swarm: Awaited<ReturnType<typeof connect>>
  let undisturbed: string
  const model = ['--model', 'demo', '--weights', weights, '--threads', '1']

  beforeAll(async () => {
    ranks = await Promise.all(['one', 'two', 'spare'].map((name) => world.rank([...model, '--data', world.folder(name)])))
    const [one, two, spare] = ranks as [Up, Up, Up]
    const first = await world.up([...model, '--blocks', '0:3', '--rank', one.address, '--spare', spare.address, '--data', world.folder('first')])
    const second = await world.up([...model, '--join', first.address, '--blocks', '3:6', '--rank', two.address, '--spare', spare.address, '--data', world.folder('second')])
    leaders = [first, second]
    swarm = await connect({ model: 'demo', weights, join: [first.address], dataFolder: world.folder('sdk') })
  })
  afterAll(async () => {
    await swarm?.close()
    await world.close()
  })

  it('answers as one process does', async () => {
    const result = await swarm.generate(prompt, { temperature: 0, maxTokens: tokens })
    undisturbed = result.text
    expect(result.route).toEqual([
      { peer: leaders[0]!.ready.peerId, start: 0, end: 3, ranks: 2 },
      { peer: leaders[1]!.ready.peerId, start: 3, end: 6, ranks: 2 },
    ])
    // With quantised weights the sums round otherwise, and a group is a numeric class of its own.
    if (weights === 'f32') {
      const local = await world.run(['generate', prompt, '--raw', ...model, '--temperature', '0', '--max-tokens', `${tokens}`, '--local', '--json'])
      expect(result.text).toBe((local.json() as { text: string }).text)
    }
  })

  it('goes on with the same text when a rank is killed in mid-answer, on a spare', async () => {
    let text = ''
    let parts = 0
    let result: { readonly failovers: number; readonly continuity: string } | undefined
    for await (const part of swarm.stream(prompt, { temperature: 0, maxTokens: tokens })) {
      text += part.text
      result = part.result
      parts += 1
      if (parts === 40) await ranks[1]!.stop('SIGKILL')
    }
    expect(text).toBe(undisturbed)
    expect(parts).toBeGreaterThan(40)
    // The leader repaired it: the stage was never lost.
    expect(result).toMatchObject({ failovers: 0, continuity: 'identical' })
  })
})
