import type { ChildProcess } from 'node:child_process'
import { connect, type SwarmClient } from '@shoal/client'
import type { LogFields, Logger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'

/*
 * Faults that other systems have suffered from, with real processes. F1 to F4 (kill -9 at exact points) are in
 * sim/src/kills/kills.test.ts, F6 without a replacement in failure.test.ts, F13 and F14 in weights.test.ts.
 */

const story = 'Once upon a time'
const long = { temperature: 0, maxTokens: 160, ignoreEos: true } as const

/** A test takes some seconds, and minutes on a machine with two cores that starts processes for other tests too. */
const timeout = 300_000

describe('faults F6, F7, F9, F15 and F17, with real processes', { timeout }, () => {
  const world = createWorld()
  const nodes: Up[] = []
  let client: SwarmClient
  let whole: readonly number[]

  const up = (words: readonly string[], folder: string): Promise<Up> =>
    world.up(['--model', 'demo', ...words, '--threads', '1', '--data', folder])
  const join = (words: readonly string[], folder = world.folder('node')): Promise<Up> =>
    up(['--join', nodes[0]!.address, ...words], folder)
  /** Sessions at living peers, as these report them. */
  const sessions = (): number =>
    client
      .status()
      .peers.reduce((sum, { liveness, sessions: open }) => sum + (liveness === 'alive' ? open : 0), 0)
  /** The stages of the running session. */
  let stages: readonly string[] = []
  const lastStage = (): string | undefined => / at ([^:]+)/.exec(stages.at(-1) ?? '')?.[1]
  const heard = (event: string, fields: LogFields = {}): void => {
    if (event === 'session-started' || event === 'route-repaired')
      stages = fields['stages'] as readonly string[]
  }
  const logger: Logger = { debug: heard, info: heard, warn: heard, error: heard, child: () => logger }
  const none = (): Promise<void> => expect.poll(sessions, { timeout: 45_000, interval: 100 }).toBe(0)

  /** Generates an answer, and acts after one of its tokens. */
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
    nodes.push(
      ...(await Promise.all([
        join(['--blocks', '2:4']),
        join(['--blocks', '4:6']),
        join(['--blocks', '4:6']),
      ])),
    )
    client = await connect({
      model: 'demo',
      join: nodes.map(({ address }) => address),
      dataFolder: world.folder('client'),
      threads: 1,
      logger,
      replacementWaitMs: 90_000,
    })
    const local = await connect({ model: 'demo', local: true, dataFolder: world.folder('local'), threads: 1 })
    whole = (await local.generate(story, long)).tokenIds
    await local.close()
    expect(whole).toHaveLength(long.maxTokens)
  }, timeout)
  afterAll(async () => {
    try {
      await client.close()
    } finally {
      await world.close()
    }
  })

  /** Starts another coordinator. Resolves in the middle of its answer. */
  async function asking(): Promise<ChildProcess> {
    const running = Promise.withResolvers<void>()
    const words = [
      'generate',
      story,
      '--raw',
      '--model',
      'demo',
      '--temperature',
      '0',
      '--ignore-eos',
      '--max-tokens',
      '400',
      '--join',
      nodes[0]!.address,
      '--log-level',
      'debug',
    ]
    const process = world.start(words, (line) => {
      if (line.includes('session-started')) running.resolve()
    })
    await running.promise
    return process
  }

  it.skipIf(process.platform === 'win32')(
    'F17: killing one coordinator and stopping another disturbs no other answer',
    async () => {
      const [first, second] = await Promise.all([asking(), asking()])
      const { tokenIds, result } = await during(40, () => {
        first.kill('SIGKILL')
        second.kill('SIGSTOP')
      })
      expect(tokenIds).toEqual(whole)
      expect(result.continuity).toBe('identical')
      // Neither coordinator closed its session: a grace of 10 s and a lease of 30 s free them.
      expect(sessions()).toBeGreaterThan(0)
    },
  )

  it.skipIf(process.platform === 'win32')(
    'F7: a stage that hangs with its sockets open is moved within the step deadline',
    async () => {
      const { tokenIds, longestMs, result, acted } = await during(40, async () => {
        const hung = nodes.find(({ ready }) => ready.peerId === lastStage())!
        hung.process.kill('SIGSTOP')
        return hung
      })
      const hung = acted as Up
      expect(tokenIds).toEqual(whole)
      expect(result.continuity).toBe('identical')
      expect(result.failovers).toBeGreaterThanOrEqual(1)
      expect(result.route.map(({ peer }) => peer)).not.toContain(hung.ready.peerId)
      // The step deadline is 1 s and the pings take 0.4 s; `shoal bench failover` measures the rest.
      expect(longestMs).toBeGreaterThan(1000)
      expect(longestMs).toBeLessThan(10_000)
      await hung.stop('SIGKILL')
    },
  )

  it('F9: a node that dies and returns at once with its id continues the stream in its new incarnation', async () => {
    const folder = world.folder('again')
    const holder = nodes[1]!
    // From here on one node alone holds its blocks; it restarts on the same folder.
    const first = await join(['--blocks', '2:4'], folder)
    // The word that a node serves may come later than its first beat.
    const holders = (): number | undefined => client.status().coverage[2]
    await expect.poll(holders, { timeout: 20_000 }).toBe(2)
    await holder.stop('SIGKILL')
    const incarnation = (): number =>
      client.status().peers.find(({ peer }) => peer === first.ready.peerId)!.incarnation
    const before = incarnation()
    const { tokenIds, acted, result } = await during(40, async () => {
      await first.stop('SIGKILL')
      return join(['--blocks', '2:4'], folder)
    })
    const second = acted as Up
    nodes[1] = second
    expect(second.ready.peerId).toBe(first.ready.peerId)
    // The data folder remembers the port: whoever noted the address finds the node again.
    expect(second.address).toBe(first.address)
    expect(tokenIds).toEqual(whole)
    expect(result.continuity).toBe('identical')
    expect(result.route[1]!.peer).toBe(second.ready.peerId)
    expect(incarnation()).toBeGreaterThan(before)
    expect(client.status().peers.filter(({ peer }) => peer === first.ready.peerId)).toHaveLength(1)
  })

  it('F6: the only holder dies, and a node without fixed blocks loads them while the answer waits', async () => {
    const { tokenIds, acted, result } = await during(40, async () => {
      await nodes[1]!.stop('SIGKILL')
      return join([])
    })
    const spare = acted as Up
    expect(tokenIds).toEqual(whole)
    expect(result.continuity).toBe('identical')
    expect(result.route.map(({ peer }) => peer)).toContain(spare.ready.peerId)
  })

  it('F17: every stage frees the sessions of the two coordinators', none)

  it('F15: when a client hangs up, every stage frees its session at once', async () => {
    let tokens = 0
    for await (const { tokenId } of client.stream(story, long)) {
      if (tokenId === null) continue
      tokens += 1
      if (tokens === 20) break
    }
    await none()
  })
})
