import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import type { SwarmStatus } from '@shoal/swarm'
import { connect, type SwarmClient } from '@shoal/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

const story = 'Once upon a time'
const long = { temperature: 0, maxTokens: 48, ignoreEos: true } as const
/** Longer than the lease of 8 s that nodes on one machine have. */
const beyondLeaseMs = 9500

describe.skipIf(process.platform === 'win32')('a stopped process (SIGSTOP)', () => {
  const world = createWorld()
  const nodes: Up[] = []
  let client: SwarmClient

  const view = async (node: Up): Promise<SwarmStatus> =>
    (await (await fetch(`${node.ready.api}/swarm`)).json()) as SwarmStatus
  const lifeOf = (status: SwarmStatus, node: Up): string => {
    const found = status.peers.find(({ peer }) => peer === node.ready.peerId)
    return `${found?.incarnation} ${found?.liveness}`
  }
  const stopFor = async (node: Up, durationMs: number): Promise<void> => {
    node.process.kill('SIGSTOP')
    await sleep(systemClock, durationMs)
    node.process.kill('SIGCONT')
  }
  /** Two of the nodes hold the middle blocks. */
  beforeAll(async () => {
    const up = (words: readonly string[], blocks: string) =>
      world.up([
        ...words,
        '--blocks',
        blocks,
        '--data',
        world.folder('node'),
        '--threads',
        '1',
        '--api',
        '127.0.0.1:0',
      ])
    nodes.push(await up(['--model', 'demo'], '0:2'))
    const join = ['--join', nodes[0]!.address]
    nodes.push(...(await Promise.all([up(join, '2:4'), up(join, '2:4'), up(join, '4:6')])))
    client = await connect({ join: [nodes[0]!.address], dataFolder: world.folder('client'), threads: 1 })
  }, 300_000)
  afterAll(async () => {
    await client?.close()
    await world.close()
  })

  it(
    'a stop of 3 s: no peer holds the process dead, and it continues as it was',
    { timeout: 120_000 },
    async () => {
      const [first, stopped] = [nodes[0]!, nodes[3]!]
      await expect
        .poll(() => client.status().peers.filter(({ liveness }) => liveness === 'alive').length, {
          timeout: 20_000,
        })
        .toBe(4)
      for (const node of nodes)
        await expect
          .poll(async () => (await view(node)).peers.filter(({ liveness }) => liveness === 'alive').length, {
            timeout: 20_000,
          })
          .toBe(4)
      const before = await Promise.all(nodes.map(async (node) => lifeOf(await view(node), stopped)))
      let died = false
      void first
        .until(({ event, peer }) => event === 'peer-dead' && peer === stopped.ready.peerId)
        .then(
          () => (died = true),
          () => undefined,
        )
      await stopFor(stopped, 3000)
      await sleep(systemClock, 1000)
      expect(died).toBe(false)
      expect(await Promise.all(nodes.map(async (node) => lifeOf(await view(node), stopped)))).toEqual(before)
      expect(
        (await client.generate(story, { temperature: 0, maxTokens: 4 })).route.map(({ peer }) => peer),
      ).toContain(stopped.ready.peerId)
    },
  )

  it(
    'a stop beyond the lease: the answer continues elsewhere; on waking the process drops its sessions and returns as a new incarnation',
    { timeout: 240_000 },
    async () => {
      const whole = await client.generate(story, long)
      // The next answer may use the other holder of the middle blocks.
      let streaming = false
      const inUse = Promise.race(
        nodes
          .slice(1, 3)
          .map((node) => node.until(({ event }) => streaming && event === 'session-opened').then(() => node)),
      )
      streaming = true
      let stopped = nodes[1]!
      let old = ''
      let text = ''
      let parts = 0
      let stoppedMs = 0
      for await (const part of client.stream(story, long)) {
        text += part.text
        parts += 1
        if (parts === 10) {
          stopped = await inUse
          old = lifeOf(await view(stopped), stopped)
          stopped.process.kill('SIGSTOP')
          stoppedMs = systemClock.nowMs()
        }
      }
      expect(text).toBe(whole.text)
      const others = nodes.filter((node) => node !== stopped)
      await Promise.all(
        others.map((node) =>
          node.until(({ event, peer }) => event === 'peer-dead' && peer === stopped.ready.peerId),
        ),
      )
      for (const node of others) expect(lifeOf(await view(node), stopped)).toBe(old.replace('alive', 'dead'))
      await sleep(systemClock, Math.max(0, stoppedMs + beyondLeaseMs - systemClock.nowMs()))
      stopped.process.kill('SIGCONT')
      const expired = await stopped.until(({ event }) => event === 'self-expired')
      expect(expired.next).toBeGreaterThan(expired.incarnation!)
      await expect
        .poll(async () => (await view(stopped)).peers.find(({ self }) => self)?.sessions, { timeout: 15_000 })
        .toBe(0)
      // All peers agree on one incarnation. It may be later than the one taken on waking, if a peer had declared that dead too.
      const lives = async (): Promise<string[]> => [
        ...new Set(await Promise.all(nodes.map(async (node) => lifeOf(await view(node), stopped)))),
      ]
      await expect.poll(lives, { timeout: 30_000 }).toEqual([expect.stringMatching(/^\d+ alive$/)])
      expect(Number.parseInt((await lives())[0]!)).toBeGreaterThanOrEqual(expired.next as number)
      // It serves the same blocks again.
      const spare = others.find(({ ready }) => ready.blocks?.[0] === stopped.ready.blocks?.[0])!
      await spare.stop('SIGKILL')
      await expect
        .poll(
          () =>
            client.status().covered &&
            client.status().peers.find(({ peer }) => peer === spare.ready.peerId)?.liveness === 'dead',
          { timeout: 30_000 },
        )
        .toBe(true)
      const again = await client.generate(story, { ...long, maxTokens: 8 })
      expect(again.route.map(({ peer }) => peer)).toContain(stopped.ready.peerId)
    },
  )
})
