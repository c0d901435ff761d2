import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { canSeeConnections, neighboursOf } from './connections.ts'
import { createWorld, root } from './harness.ts'
import { startSwarmProcess, type SwarmProcess } from './swarm-process.ts'

const { cases } = JSON.parse(readFileSync(join(root, 'packages', 'demo-model', 'golden.json'), 'utf8')) as {
  cases: readonly { readonly prompt: string; readonly answer: string }[]
}
const whoAreYou = cases.find(({ prompt }) => prompt === 'Who are you?')!

describe('a group over links with a shape', () => {
  const world = createWorld()
  let started: (SwarmProcess & { kill(): void }) | undefined
  afterAll(async () => {
    started?.kill()
    await world.close()
  })

  it('answers as one process does, at the speed of its sums, and no connection bypasses its links', async () => {
    const shape = `${world.folder('shape')}.json`
    writeFileSync(
      shape,
      JSON.stringify({
        nodes: [
          { name: 'shelf', rankOf: 'desk', slowdown: 2 },
          { name: 'desk', blocks: '0:6', slowdown: 2, speed: 1 },
        ],
        links: [{ between: ['desk', 'shelf'], rttMs: 4 }],
      }),
    )
    started = await startSwarmProcess(['--model', 'demo', '--shape', shape])
    const { pid, ready } = started
    expect(ready.nodes).toMatchObject([
      { name: 'desk', blocks: [0, 6], rankOf: null },
      { name: 'shelf', blocks: null, rankOf: 'desk' },
    ])
    const asked = world.run([
      'generate',
      'Who are you?',
      '--temperature',
      '0',
      '--max-tokens',
      '24',
      '--json',
      '--join',
      ready.nodes[0]!.addrs[0]!,
    ])
    await started.until(({ event, what }) => event === 'node' && what === 'session-opened')
    const processes = [pid, ...ready.nodes.map((node) => node.pid)]
    const others = ready.nodes.map((node) => (canSeeConnections ? neighboursOf(node.pid, processes) : [pid]))
    const { text, tokensPerSecond, route } = (await asked).json() as {
      text: string
      tokensPerSecond: number
      route: readonly unknown[]
    }
    expect(whoAreYou.answer.startsWith(text) && text.length > 40, text).toBe(true)
    expect(route).toEqual([{ peer: ready.nodes[0]!.peerId, start: 0, end: 6, ranks: 2 }])
    // Each token needs twelve sums of half a round trip.
    expect(tokensPerSecond).toBeLessThan(1000 / 24)
    for (const ends of others) expect(new Set(ends)).toEqual(new Set([pid]))
    expect(await started.interrupt()).toBe(0)
  }, 120_000)
})
