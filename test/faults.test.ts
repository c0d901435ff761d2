import { connect, type SwarmClient } from '@shoal/client'
import { systemClock } from '@shoal/host/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

/*
 * The faults that have bitten other systems, with real processes. F1 to F4 (kill -9 at exact points) are in
 * sim/src/kills/kills.test.ts, F6 without a replacement in failure.test.ts, F13 and F14 in weights.test.ts.
 */

const story = 'Once upon a time'
const long = { temperature: 0, maxTokens: 160, ignoreEos: true } as const

describe('faults F6, F7, F9, F15 and F17, with real processes', () => {
  const world = createWorld()
  const nodes: Up[] = []
  let client: SwarmClient
  let whole: readonly number[]

  const up = (words: readonly string[], folder: string): Promise<Up> => world.up(['--model', 'demo', ...words, '--threads', '1', '--data', folder])
  const join = (words: readonly string[], folder = world.folder('node')): Promise<Up> => up(['--join', nodes[0]!.address, ...words], folder)
  /** Sessions at living peers, as they tell themselves. */
  const sessions = (): number => client.status().peers.reduce((sum, { liveness, sessions: open }) => sum + (liveness === 'alive' ? open : 0), 0)
  const none = (): Promise<void> => expect.poll(sessions, { timeout: 15_000, interval: 100 }).toBe(0)
  const alive = (peerId: string): Promise<void> => expect.poll(() => client.status().peers.find(({ peer }) => peer === peerId)?.liveness, { timeout: 20_000 }).toBe('alive')

  /** The answer's tokens while something happens after one of them, and how it went. */
  async function during(at: number, act: () => Promise<unknown> | void) {
    const tokenIds: number[] = []
    let longestMs = 0
    let lastMs = systemClock.nowMs()
    let acted: Promise<unknown> | void = undefined
    for await (const part of client.stream(story, long)) {
      longestMs = Math.max(longestMs, systemClock.nowMs() - lastMs)
      lastMs = systemClock.nowMs()
      if (part.result !== undefined) return { tokenIds, longestMs, acted: await acted, result: part.result }
      tokenIds.push(part.tokenId!)
      if (tokenIds.length === at) acted = act()
    }
    throw new Error('an answer without a result')
  }

  beforeAll(async () => {
    nodes.push(await up(['--blocks', '0:2'], world.folder('node')))
    nodes.push(...(await Promise.all([join(['--blocks', '2:4']), join(['--blocks', '4:6']), join(['--blocks', '4:6'])])))
    client = await connect({ model: 'demo', join: nodes.map(({ address }) => address), dataFolder: world.folder('client'), threads: 1 })
    const local = await connect({ model: 'demo', local: true, dataFolder: world.folder('local'), threads: 1 })
    whole = (await local.generate(story, long)).tokenIds
    await local.close()
    expect(whole).toHaveLength(long.maxTokens)
  })
  afterAll(async () => {
    await client.close()
    await world.close()
  })

  it('F17: kill -9 of a coordinator: nobody else notices', async () => {
    let running = (): void => undefined
    const started = new Promise<void>((resolve) => (running = resolve))
    const asking = world.start(['generate', story, '--raw', '--model', 'demo', '--temperature', '0', '--ignore-eos', '--max-tokens', '400', '--join', nodes[0]!.address, '--log-level', 'debug'], (line) => {
      if (line.includes('session-started')) running()
    })
    await started
    const { tokenIds, result } = await during(40, () => void asking.kill('SIGKILL'))
    expect(tokenIds).toEqual(whole)
    expect(result.failovers).toBe(0)
  })

  it('F7: a stage that hangs with its sockets open is moved within the step deadline', async () => {
    const route = (await client.generate(story, { ...long, maxTokens: 4 })).route
    const hung = nodes.find(({ ready }) => ready.peerId === route.at(-1)!.peer)!
    const { tokenIds, longestMs, result } = await during(40, () => void hung.process.kill('SIGSTOP'))
    expect(tokenIds).toEqual(whole)
    expect(result).toMatchObject({ failovers: 1, continuity: 'identical' })
    // Step deadline 1 s, pings 0.4 s; the rest is this machine's, and `shoal bench failover` measures it.
    expect(longestMs).toBeGreaterThan(1000)
    expect(longestMs).toBeLessThan(10_000)
    await hung.stop('SIGKILL')
  })

  it('F9: a node that dies and is back at once under its id takes the stream up in its new life', async () => {
    const folder = world.folder('again')
    const holder = nodes[1]!
    // The only holder of its blocks from here on has a folder that it comes back with.
    const first = await join(['--blocks', '2:4'], folder)
    await alive(first.ready.peerId)
    await holder.stop('SIGKILL')
    const incarnation = (): number => client.status().peers.find(({ peer }) => peer === first.ready.peerId)!.incarnation
    const before = incarnation()
    const { tokenIds, acted, result } = await during(40, async () => {
      await first.stop('SIGKILL')
      return join(['--blocks', '2:4'], folder)
    })
    const second = acted as Up
    nodes[1] = second
    expect(second.ready.peerId).toBe(first.ready.peerId)
    expect(tokenIds).toEqual(whole)
    expect(result.continuity).toBe('identical')
    expect(result.route[1]!.peer).toBe(second.ready.peerId)
    expect(incarnation()).toBeGreaterThan(before)
    expect(client.status().peers.filter(({ peer }) => peer === first.ready.peerId)).toHaveLength(1)
  })

  it('F6: the only holder dies, and a node that is told no blocks loads them while the answer waits', async () => {
    const { tokenIds, acted, result } = await during(40, async () => {
      await nodes[1]!.stop('SIGKILL')
      return join([])
    })
    const spare = acted as Up
    expect(tokenIds).toEqual(whole)
    expect(result.continuity).toBe('identical')
    expect(result.route.map(({ peer }) => peer)).toContain(spare.ready.peerId)
  })

  it('F17: what the dead coordinator had open has been freed meanwhile', none)

  it('F15: a client that hangs up frees its sessions on every stage at once', async () => {
    let tokens = 0
    for await (const { tokenId } of client.stream(story, long)) {
      if (tokenId === null) continue
      tokens += 1
      if (tokens === 20) break
    }
    await none()
  })
})
