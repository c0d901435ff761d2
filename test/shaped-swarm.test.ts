import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { canSeeConnections, neighboursOf } from './connections.ts'
import { createWorld } from './harness.ts'
import { startSwarmProcess, type SwarmProcess } from './swarm-process.ts'

interface Generated {
  readonly tokenIds: readonly number[]
  readonly tokensPerSecond: number
  readonly route: readonly { readonly peer: string }[]
}

const words = ['generate', 'Who are you?', '--temperature', '0', '--max-tokens', '24', '--json']

/** For each node, which processes are at the other ends of its connections. */
function others({ pid, ready }: SwarmProcess): Map<string, (number | null)[]> {
  const all = [pid, ...ready.nodes.map((node) => node.pid)]
  return new Map(ready.nodes.map(({ name, pid: own }) => [name, neighboursOf(own, all)]))
}

describe.skipIf(!canSeeConnections)('links between processes (needs /proc to see who is connected with whom)', () => {
  const world = createWorld()
  const started: (SwarmProcess & { kill(): void })[] = []
  afterAll(async () => {
    for (const swarm of started) swarm.kill()
    await world.close()
  })

  it('every connection of a shaped swarm passes its links, also after a node was killed and came back', async () => {
    const script = `${world.folder('script')}.json`
    writeFileSync(script, JSON.stringify([{ after: 'session-closed', do: 'kill', node: 'south-2' }, { waitMs: 300, do: 'restart', node: 'south-2' }]))
    const swarm = await startSwarmProcess(['--model', 'demo', '--shape', 'two-sites', '--processes', '3', '--script', script])
    started.push(swarm)
    const { nodes, links } = swarm.ready
    expect(nodes.map(({ name }) => name)).toEqual(['north-1', 'south-2', 'north-3'])
    // What is announced is a link for outsiders, never where a node listens.
    const outside = links.filter(({ from }) => from === 'outside').map(({ port }) => `/ip4/127.0.0.1/tcp/${port}`)
    for (const { addrs } of nodes) for (const address of addrs) expect(outside.some((link) => address.startsWith(`${link}/p2p/`)), address).toBe(true)

    const join = ['--join', nodes[0]!.addrs[0]!]
    const local = await world.run([...words, '--local', '--model', 'demo'])
    const generation = world.run([...words, ...join])
    await swarm.until(({ event, what }) => event === 'node' && what === 'session-opened')
    for (const [name, ends] of others(swarm)) {
      expect(ends.length, name).toBeGreaterThan(0)
      expect(new Set(ends), name).toEqual(new Set([swarm.pid]))
    }
    const { tokenIds, tokensPerSecond, route } = (await generation).json() as Generated
    expect(tokenIds).toEqual((local.json() as Generated).tokenIds)
    expect(route).toHaveLength(3)
    // At least one round trip of 20 ms between the sites for each token.
    expect(tokensPerSecond).toBeLessThan(50)

    await swarm.until((line) => line.event === 'script' && line.do === 'restart')
    await swarm.until(({ event, node, what }) => event === 'node' && node === 'north-1' && what === 'peer-dead')
    const again = await world.run([...words, ...join])
    expect((again.json() as Generated).tokenIds, again.stderr).toEqual(tokenIds)
    const alive = others({ ...swarm, ready: { ...swarm.ready, nodes: nodes.filter(({ name }) => name !== 'south-2') } })
    for (const [name, ends] of alive) expect(new Set(ends), name).toEqual(new Set([swarm.pid]))
    expect(await swarm.interrupt()).toBe(0)
  })

  it('without a shape they are connected with each other: the look at their connections can tell', async () => {
    const swarm = await startSwarmProcess(['--model', 'demo', '--processes', '2'])
    started.push(swarm)
    const [first, second] = swarm.ready.nodes
    expect(others(swarm).get(first!.name)).toContain(second!.pid)
    expect(await swarm.interrupt()).toBe(0)
  })
})
