import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { canSeeConnections, neighboursOf } from './connections.ts'
import { createWorld, root } from './harness.ts'
import { startSwarmProcess, type SwarmProcess } from './swarm-process.ts'

interface Generated {
  readonly text: string
  readonly tokenIds: readonly number[]
  readonly ttftMs: number
  readonly accepted: number
  readonly route: readonly { readonly peer: string }[]
}

const { cases } = JSON.parse(readFileSync(join(root, 'packages', 'demo-model', 'golden.json'), 'utf8')) as {
  cases: readonly { readonly prompt: string; readonly answer: string }[]
}
const whoAreYou = cases.find(({ prompt }) => prompt === 'Who are you?')!

const words = ['generate', 'Who are you?', '--temperature', '0', '--max-tokens', '24', '--json']

/** Processes at the other ends of each node's connections. */
function others({ pid, ready }: SwarmProcess): Map<string, (number | null)[]> {
  const all = [pid, ...ready.nodes.map((node) => node.pid)]
  return new Map(ready.nodes.map(({ name, pid: own }) => [name, neighboursOf(own, all)]))
}

describe.skipIf(!canSeeConnections)(
  'links between processes (needs /proc to see who is connected with whom)',
  () => {
    const world = createWorld()
    const started: (SwarmProcess & { kill(): void })[] = []
    afterAll(async () => {
      for (const swarm of started) swarm.kill()
      await world.close()
    })

    /** Checks the announced links: 20 ms and 100 Mbit/s between the sites, almost no delay within them. */
    async function expectMeasured({ ready: { nodes } }: SwarmProcess): Promise<void> {
      type Link = { readonly rttMs: number | null; readonly mbps: number | null } | undefined
      const [north, south, other] = nodes
      const look = async (): Promise<{ inside: Link; between: Link }> => {
        const { peers } = (await world.run(['status', '--json', '--join', north!.addrs[0]!])).json() as {
          peers: { peer: string; links: Record<string, Link> }[]
        }
        const linkOf = (from: string, to: string): Link => peers.find(({ peer }) => peer === from)?.links[to]
        return { inside: linkOf(north!.peerId, other!.peerId), between: linkOf(south!.peerId, north!.peerId) }
      }
      // South has fetched its weights from the north, and so has measured the rate.
      await expect
        .poll(
          async () => {
            const { inside, between } = await look()
            return (
              typeof inside?.rttMs === 'number' &&
              typeof between?.rttMs === 'number' &&
              typeof between.mbps === 'number'
            )
          },
          { timeout: 40_000, interval: 200 },
        )
        .toBe(true)
      const { inside, between } = await look()
      expect(between!.rttMs).toBeGreaterThanOrEqual(20)
      expect(inside!.rttMs).toBeGreaterThanOrEqual(0.4)
      expect(inside!.rttMs).toBeLessThan(between!.rttMs!)
      expect(between!.mbps).toBeLessThan(120)
    }

    it('every connection of a shaped swarm passes its links, also after a kill and a restart, and drafts change no token', async () => {
      const script = `${world.folder('script')}.json`
      writeFileSync(
        script,
        JSON.stringify([
          { after: 'session-closed', do: 'kill', node: 'south-2' },
          { waitMs: 300, do: 'restart', node: 'south-2' },
        ]),
      )
      const swarm = await startSwarmProcess([
        '--model',
        'demo',
        '--shape',
        'two-sites',
        '--processes',
        '3',
        '--script',
        script,
      ])
      started.push(swarm)
      const { nodes, links } = swarm.ready
      expect(nodes.map(({ name }) => name)).toEqual(['north-1', 'south-2', 'north-3'])
      // Nodes announce the link for outsiders, never the address on which they listen.
      const outside = links
        .filter(({ from }) => from === 'outside')
        .map(({ port }) => `/ip4/127.0.0.1/tcp/${port}`)
      for (const { addrs } of nodes)
        for (const address of addrs)
          expect(
            outside.some((link) => address.startsWith(`${link}/p2p/`)),
            address,
          ).toBe(true)

      const asks = [...words, '--join', nodes[0]!.addrs[0]!]
      await expectMeasured(swarm)
      const generation = world.run(asks)
      await swarm.until(({ event, what }) => event === 'node' && what === 'session-opened')
      for (const [name, ends] of others(swarm)) {
        expect(ends.length, name).toBeGreaterThan(0)
        expect(new Set(ends), name).toEqual(new Set([swarm.pid]))
      }
      const { text, tokenIds, ttftMs, route } = (await generation).json() as Generated
      expect(whoAreYou.answer.startsWith(text) && text.length > 40, text).toBe(true)
      expect(route).toHaveLength(3)
      // The first token takes at least one round trip of 20 ms between the sites.
      expect(ttftMs).toBeGreaterThanOrEqual(20)

      await swarm.until((line) => line.event === 'script' && line.do === 'restart')
      await swarm.until(
        ({ event, node, what }) => event === 'node' && node === 'north-1' && what === 'peer-dead',
      )
      const again = await world.run([...asks, '--draft', 'demo-draft'])
      expect((again.json() as Generated).tokenIds, again.stderr).toEqual(tokenIds)
      expect((again.json() as Generated).accepted).toBeGreaterThan(0)
      const alive = others({
        ...swarm,
        ready: { ...swarm.ready, nodes: nodes.filter(({ name }) => name !== 'south-2') },
      })
      for (const [name, ends] of alive) expect(new Set(ends), name).toEqual(new Set([swarm.pid]))
      expect(await swarm.interrupt()).toBe(0)
    }, 120_000)

    it('without a shape the nodes connect directly, so that the check of connections can tell the difference', async () => {
      const swarm = await startSwarmProcess(['--model', 'demo', '--processes', '2'])
      started.push(swarm)
      const [first, second] = swarm.ready.nodes
      expect(others(swarm).get(first!.name)).toContain(second!.pid)
      expect(await swarm.interrupt()).toBe(0)
    }, 120_000)
  },
)
