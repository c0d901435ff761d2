import { readFileSync } from 'node:fs'
import {
  decodeHello,
  decodeSession,
  encodeHello,
  encodeMembers,
  encodeSession,
  protocols,
  protocolVersion,
  type OpenSession,
  type SessionMessage,
  type Step,
} from '@shoal/protocol'
import { sealWord } from '@shoal/membership/testing'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWorld, type Up } from './harness.ts'
import { createRawPeer, readFrames, type RawPeer } from '@shoal/sim/siege'

/** A real node survives malformed bytes and messages of a hostile peer. */
describe('a real node and a hostile peer', () => {
  const world = createWorld()
  const hiddenSize = 256
  let node: Up
  let raw: RawPeer

  beforeAll(async () => {
    node = await world.up([
      '--model',
      'demo',
      '--blocks',
      '1:4',
      '--data',
      world.folder('node'),
      '--threads',
      '1',
      '--memory',
      '64MiB',
    ])
  })
  // A new peer for each test: the blame of one peer must not hide how the node treats the next.
  beforeEach(async () => {
    await raw?.close()
    raw = await createRawPeer()
  })
  afterAll(async () => {
    await raw.close()
    await world.close()
  })

  // Each peer uses its own session ids, since a session outlives its peer's connection by a lease.
  const theirs = (): string => raw.transport.peerId.slice(-16)
  const open = (change: Partial<OpenSession> = {}): OpenSession => ({
    type: 'open',
    session: theirs(),
    manifest: node.ready.manifest,
    profile: node.ready.profile,
    start: 1,
    end: 4,
    epoch: 3,
    tokenBudget: 16,
    wire: 'f32',
    previous: raw.transport.peerId,
    next: { peer: raw.transport.peerId, addresses: [], coordinator: true },
    ...change,
  })
  const step = (change: Partial<Step> = {}): Step => ({
    type: 'step',
    session: theirs(),
    start: 1,
    epoch: 3,
    position: 0,
    rows: 1,
    step: 0,
    rewind: false,
    want: 'last',
    ...change,
  })
  const converse = async (): Promise<{
    readonly send: (message: SessionMessage, hidden?: Float32Array) => Promise<void>
    readonly next: () => Promise<SessionMessage>
  }> => {
    const channel = await raw.open(node.address, protocols.session)
    const frames = readFrames(channel)
    return {
      send: (message, hidden) => channel.send(...encodeSession(message, hidden)),
      next: async () => decodeSession(await frames.next()).message,
    }
  }
  /** Checks that the node runs, answers, and holds no session of this peer. */
  const stillWell = async (): Promise<void> => {
    expect(node.process.exitCode).toBeNull()
    const peer = await createRawPeer()
    try {
      const channel = await peer.open(node.address, protocols.hello)
      const frames = readFrames(channel)
      await channel.send(
        ...encodeHello({
          type: 'hello',
          version: protocolVersion,
          agent: 'test',
          role: 'client',
          manifest: null,
          profile: null,
          model: null,
        }),
      )
      expect(decodeHello(await frames.next())).toMatchObject({ manifest: node.ready.manifest })
    } finally {
      await peer.close()
    }
  }

  it.each<[string, Partial<OpenSession>, string, RegExp]>([
    [
      'another manifest',
      { manifest: 'e'.repeat(64) },
      'wrong-manifest',
      /e{64}.*this node serves [0-9a-f]{64}/,
    ],
    ['other weights', { profile: 'int4:32' }, 'wrong-profile', /int4:32.*f32/],
    ['blocks it does not hold', { start: 0, end: 2 }, 'wrong-range', /this node holds blocks 1/],
    [
      "more tokens than the model's context",
      { tokenBudget: 1 << 20 },
      'bad-request',
      /context of 512, not 1048576/,
    ],
  ])('refuses a session of %s, naming both', async (_name, change, code, sentence) => {
    const { send, next } = await converse()
    await send(open(change))
    expect(await next()).toMatchObject({
      type: 'failed',
      session: theirs(),
      code,
      definite: true,
      message: expect.stringMatching(sentence) as unknown,
    })
    await stillWell()
  })

  it('refuses a step with a position ahead of the cache', async () => {
    // In epoch 0: in a later epoch a stage holds steps back until it knows what is replayed.
    const { send, next } = await converse()
    await send(open({ epoch: 0 }))
    expect(await next()).toMatchObject({ type: 'opened', epoch: 0 })
    await send(step({ epoch: 0, position: 5 }), new Float32Array(hiddenSize))
    expect(await next()).toMatchObject({ type: 'failed', code: 'wrong-position', definite: true })
    await stillWell()
  })

  it.each<[string, Partial<Step>, string]>([
    ['an epoch that is over', { epoch: 2 }, 'stale-epoch'],
    ['a session nobody opened', { session: 'nobody' }, 'unknown-session'],
    ['a block where none begins', { start: 2 }, 'unknown-session'],
  ])('refuses a step with %s', async (_name, change, code) => {
    const { send, next } = await converse()
    await send(open())
    expect(await next()).toMatchObject({ type: 'opened', epoch: 3 })
    await send(step(change), new Float32Array(hiddenSize))
    expect(await next()).toMatchObject({ type: 'failed', code, definite: true })
    await stillWell()
  })

  it('refuses rows of another width and goes on with the next session', async () => {
    const { send, next } = await converse()
    await send(open())
    await next()
    await send(step(), new Float32Array(3))
    expect(await next()).toMatchObject({ type: 'failed', code: 'bad-frame' })
    await send(open({ session: 'second' }))
    expect(await next()).toMatchObject({ type: 'opened', session: 'second' })
  })

  it.each(['a/b', 'nonsense', '__proto__'])(
    'tells a coordinator that the next stage cannot be reached, when its peer id is %s',
    async (peer) => {
      const { send, next } = await converse()
      await send(
        open({ epoch: 0, next: { peer, addresses: ['/ip4/127.0.0.1/tcp/1', '/p2p/x'], coordinator: false } }),
      )
      expect(await next()).toMatchObject({
        type: 'failed',
        session: theirs(),
        code: 'peer-vanished',
        message: expect.stringMatching(/cannot reach the next stage$/) as unknown,
      })
      await stillWell()
    },
  )

  const sendNoise = (address: string, protocol: string): Promise<void> =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 8 }),
        async (frames) => {
          const channel = await raw.open(address, protocol)
          channel.onFrame(() => undefined)
          for (const frame of frames) await channel.send(frame).catch(() => undefined)
          channel.abort(new Error('enough'))
        },
      ),
      { numRuns: 40 },
    )

  /** Resolves when the node has logged this so often. */
  const logged = (text: string, times = 1): Promise<void> => {
    let log = ''
    return new Promise((resolve) =>
      node.process.stderr?.on('data', (part) => {
        log += String(part)
        if (log.split(text).length > times) resolve()
      }),
    )
  }
  // yjs throws on these 13 bytes, which once ended a node.
  const update = Uint8Array.from(Buffer.from('01010501a10301010102010400', 'hex'))

  it.each([
    ['an unsigned update', update],
    ['an unsigned word', new Uint8Array(200)],
  ])('refuses %s, and shuts its sender out at the eighth', async (_name, word) => {
    const blamed = logged(`neighbour-misbehaved peer=${raw.transport.peerId}`, 8)
    const channel = await raw.open(node.address, protocols.members)
    readFrames(channel)
    const frame = encodeMembers({ type: 'words', pushed: true, words: [word] })
    for (let times = 0; times < 8; times += 1) await channel.send(...frame)
    await blamed
    // The connection ends after the frames, which must not blame the peer twice.
    await raw.close()
    await stillWell()
  })

  it('holds the owner of a signed update on which yjs throws at fault', async () => {
    const owner = raw.transport.peerId
    const header = { owner, incarnation: 1, seq: 1, generation: 0, kind: 'snapshot' } as const
    const word = await sealWord(raw.transport, node.ready.manifest, {
      ...header,
      prev: new Uint8Array(16),
      update,
    })
    const atFault = logged(`owner-at-fault owner=${owner}`)
    const channel = await raw.open(node.address, protocols.members)
    readFrames(channel)
    await channel.send(...encodeMembers({ type: 'words', pushed: true, words: [word.bytes] }))
    await atFault
    await stillWell()
  })

  // Only ranks serve the group protocol, only private swarms have a charter, and only an open door pairs.
  const { group, charter: _charter, pair: _pair, ...served } = protocols

  it.each(Object.entries(served))(
    "random frames on %s end their sender's channel, and disturb no other peer",
    async (_name, protocol) => {
      await sendNoise(node.address, protocol)
      await stillWell()
    },
  )

  it('random frames do not disturb a rank', async () => {
    const rank = await world.rank(['--model', 'demo', '--data', world.folder('rank'), '--threads', '1'])
    await sendNoise(rank.address, group)
    expect(rank.process.exitCode).toBeNull()
    const channel = await raw.open(rank.address, group)
    expect(channel.closed).toBe(false)
    channel.abort(new Error('enough'))
    expect(await rank.stop('SIGTERM')).toBe(0)
  })

  it.skipIf(process.platform !== 'linux')(
    'its memory stays bounded under large frames and many sessions (looks at /proc: Linux)',
    async () => {
      const residentMiB = (): number =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.process.pid}/status`, 'utf8'))?.[1] ?? 0) /
        1024
      const before = residentMiB()
      // Steps of 8 MiB for an unknown session: a stranger's credit ends long before, so the frames wait unfinished.
      const refused = encodeSession(step({ session: 'nobody', rows: 512 }), new Float32Array(512 * 4096))
      const stuck: Awaited<ReturnType<typeof raw.open>>[] = []
      while (stuck.length < 8) {
        const channel = await raw.open(node.address, protocols.session)
        channel.send(...refused).catch(() => undefined)
        stuck.push(channel)
      }
      const { send, next } = await converse()
      let opened = 0
      for (let session = 0; session < 200; session += 1) {
        await send(open({ session: `${theirs()}-${session}`, tokenBudget: 256 }))
        if ((await next()).type === 'opened') opened += 1
      }
      // The limit is the sessions per peer or the memory, whichever is reached first.
      expect(opened).toBeGreaterThan(0)
      expect(opened).toBeLessThanOrEqual(64)
      expect(residentMiB() - before).toBeLessThan(250)
      for (const channel of stuck) channel.abort(new Error('enough'))
      await stillWell()
    },
  )
})
