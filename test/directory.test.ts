import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SwarmStatus } from '@shoal/swarm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, root, type Ended, type Up } from './harness.ts'

interface Generated {
  readonly text: string
  readonly route: readonly { readonly peer: string }[]
}

const { cases } = JSON.parse(readFileSync(join(root, 'packages', 'demo-model', 'golden.json'), 'utf8')) as {
  cases: readonly { prompt: string; answer: string }[]
}
const whoAreYou = cases.find(({ prompt }) => prompt === 'Who are you?')!

describe('a swarm whose only known address is a node of another model', () => {
  const world = createWorld()
  const nodes: Up[] = []
  let bootstrap: Up
  const ghostFolder = world.folder('ghost')

  const up = (blocks: string, folder = world.folder('node')): Promise<Up> =>
    world.up([
      '--model',
      'demo',
      '--bootstrap',
      bootstrap.address,
      '--blocks',
      blocks,
      '--data',
      folder,
      '--threads',
      '1',
    ])
  const ask = async (words: readonly string[]): Promise<Ended> =>
    world.run([...words, '--join', bootstrap.address, '--json'])
  const answer = async (): Promise<Generated> => {
    const ended = await ask(['generate', 'Who are you?', '--model', 'demo', '--temperature', '0'])
    expect(ended.code, ended.stderr).toBe(0)
    return ended.json() as Generated
  }
  const statusBy = async (words: readonly string[]): Promise<SwarmStatus> => {
    const ended = await ask(['status', ...words])
    expect(ended.code, ended.stderr).toBe(0)
    return ended.json() as SwarmStatus
  }
  const peerOf = ({ ready }: Up): string => ready.peerId

  beforeAll(async () => {
    const model = world.folder('random')
    const shape = [
      '--hidden',
      '32',
      '--blocks',
      '1',
      '--heads',
      '2',
      '--kv-heads',
      '1',
      '--feed-forward',
      '32',
      '--vocabulary',
      '64',
      '--context',
      '64',
    ]
    expect((await world.run(['model', 'random', model, ...shape])).code).toBe(0)
    bootstrap = await world.up([
      '--model',
      model,
      '--weights',
      'f32',
      '--data',
      world.folder('bootstrap'),
      '--threads',
      '1',
    ])
    nodes.push(await up('0:2', ghostFolder))
    // All know one address, that of a node of another model, whose directory names the first node.
    nodes.push(...(await Promise.all([up('2:4'), up('4:6'), up('0:2')])))
  })
  afterAll(() => world.close())

  it(
    'forms one swarm, although no member was given the address of another',
    { timeout: 120_000 },
    async () => {
      await expect
        .poll(async () => (await statusBy(['--model', 'demo'])).covered, { timeout: 90_000 })
        .toBe(true)
      // A peer without a beat for two seconds is shown as unknown, which happens while the machine runs other tests.
      const alive = async (): Promise<string[]> =>
        (await statusBy(['--manifest', nodes[0]!.ready.manifest])).peers
          .filter(({ liveness }) => liveness === 'alive')
          .map(({ peer }) => peer)
          .sort()
      await expect.poll(alive, { timeout: 60_000 }).toEqual(nodes.map(peerOf).sort())
      const status = await statusBy(['--manifest', nodes[0]!.ready.manifest])
      expect(status.directory).toMatchObject({ providers: 4, records: expect.any(Number) as unknown })
      expect(status.directory!.peers).toBeGreaterThanOrEqual(1)
    },
  )

  it('answers a client that knows only that address', async () => {
    const { text, route } = await answer()
    expect(text).toBe(whoAreYou.answer)
    expect(new Set(route.map(({ peer }) => peer)).size).toBe(3)
  })

  it('answers a client that knows only a bootstrap peer, which serves no model', async () => {
    const ready = Promise.withResolvers<string>()
    const onLog = (line: string): void => {
      const address = line.includes('bootstrap-ready')
        ? /\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+/.exec(line)?.[0]
        : undefined
      if (address !== undefined) ready.resolve(address)
    }
    world
      .run(['bootstrap', '--bootstrap', bootstrap.address, '--data', world.folder('bootstrap-peer')], {
        onLog,
      })
      .then(({ stderr }) => ready.reject(new Error(stderr)), ready.reject)
    const address = await ready.promise
    const { code, stdout, stderr } = await world.run([
      'generate',
      'Who are you?',
      '--model',
      'demo',
      '--temperature',
      '0',
      '--join',
      address,
    ])
    expect(code, stderr).toBe(0)
    expect(stdout).toContain(whoAreYou.answer)
  })

  it(
    'the directory still names a killed node, but no route passes it until it has restarted',
    { timeout: 120_000 },
    async () => {
      const [ghost, , , spare] = nodes as [Up, Up, Up, Up]
      ghost.process.kill('SIGKILL')
      await ghost.ended
      const { text, route } = await answer()
      expect(text).toBe(whoAreYou.answer)
      expect(route.map(({ peer }) => peer)).toContain(peerOf(spare))
      expect(route.map(({ peer }) => peer)).not.toContain(peerOf(ghost))
      // Its record stays in the directory for a while.
      expect((await statusBy(['--model', 'demo'])).directory?.providers).toBe(4)

      nodes[0] = await up('0:2', ghostFolder)
      expect(peerOf(nodes[0])).toBe(peerOf(ghost))
      await spare.stop()
      const again = await answer()
      expect(again.text).toBe(whoAreYou.answer)
      expect(again.route.map(({ peer }) => peer)).toContain(peerOf(ghost))
    },
  )

  it('a client that wants weights which no node serves is refused with a sentence that says so', async () => {
    const { code, stderr } = await ask(['generate', 'Hello', '--model', 'demo', '--weights', 'int8'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/names no node that serves what is wanted/)
  })
})
