import { readFileSync } from 'node:fs'
import { createServer, connect as connectSocket, type Socket } from 'node:net'
import {
  decodeHello,
  decodeSession,
  encodeBlob,
  encodeHello,
  encodeSession,
  protocols,
  protocolVersion,
  type OpenSession,
  type SessionMessage,
} from '@shoal/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type Up } from '../harness.ts'
import { createRawPeer, readFrames, type RawPeer } from '@shoal/sim/siege'

/*
 * What a stranger costs a real node: a peer without a record and without an invitation reaches its port. Each test attacks
 * the same node, and afterwards another peer is answered at once.
 */

const MiB = 1024 * 1024
/** What a node may grow by while it is flooded: collected garbage is not given back at once. */
const growthMiB = 96
const timeout = 240_000

describe('a real node and what a stranger can take of it', { timeout }, () => {
  const world = createWorld()
  const peers: RawPeer[] = []
  let node: Up

  beforeAll(async () => {
    const folder = world.folder('node')
    node = await world.up([
      '--model',
      'demo',
      '--blocks',
      '1:4',
      '--data',
      folder,
      '--threads',
      '1',
      '--memory',
      '64MiB',
    ])
  }, timeout)
  afterAll(async () => {
    for (const peer of peers) await peer.close()
    await world.close()
  })

  const stranger = async (): Promise<RawPeer> => {
    const peer = await createRawPeer()
    peers.push(peer)
    return peer
  }
  /** Another peer is answered, and the node runs. */
  const stillServes = async (): Promise<void> => {
    const channel = await (await stranger()).open(node.address, protocols.hello)
    const frames = readFrames(channel)
    const hello = {
      type: 'hello',
      version: protocolVersion,
      agent: 'test',
      role: 'client',
      manifest: null,
      profile: null,
      model: null,
    } as const
    await channel.send(...encodeHello(hello))
    expect(decodeHello(await frames.next())).toMatchObject({ manifest: node.ready.manifest })
    expect(node.process.exitCode).toBeNull()
  }
  const residentMiB = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.process.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  const openOf = (peer: RawPeer, change: Partial<OpenSession> = {}): OpenSession => ({
    type: 'open',
    session: peer.transport.peerId.slice(-16),
    manifest: node.ready.manifest,
    profile: node.ready.profile,
    start: 1,
    end: 4,
    epoch: 0,
    tokenBudget: 64,
    wire: 'f32',
    previous: peer.transport.peerId,
    next: { peer: peer.transport.peerId, addresses: [], coordinator: true },
    ...change,
  })
  const converse = async (peer: RawPeer) => {
    const channel = await peer.open(node.address, protocols.session)
    const frames = readFrames(channel)
    return {
      channel,
      send: (message: SessionMessage, rows?: Float32Array): Promise<void> =>
        channel.send(...encodeSession(message, rows)),
      next: async (): Promise<SessionMessage> => decodeSession(await frames.next()).message,
    }
  }

  it.skipIf(process.platform !== 'linux')(
    '64 channels full of requests for weights take no memory worth naming (looks at /proc: Linux)',
    async () => {
      await stillServes()
      const before = residentMiB()
      const peer = await stranger()
      const sending: Promise<unknown>[] = []
      for (let opened = 0; opened < 64; opened += 1) {
        const channel = await peer.open(node.address, protocols.blobs)
        // Nobody consumes the answers: they wait at the node, or in the socket.
        channel.onFrame(() => new Promise(() => undefined))
        for (let request = 0; request < 600; request += 1) {
          const get = { type: 'get', request, blob: 'manifest', offset: 0, length: MiB } as const
          sending.push(channel.send(...encodeBlob(get)).catch(() => undefined))
        }
      }
      await stillServes()
      expect(residentMiB() - before).toBeLessThan(growthMiB)
      await peer.close()
      await Promise.all(sending)
    },
  )

  it.skipIf(process.platform !== 'linux')(
    'sessions that are sent rows and never told to go on pin little memory (looks at /proc: Linux)',
    async () => {
      await stillServes()
      const before = residentMiB()
      const peer = await stranger()
      const { channel, send, next } = await converse(peer)
      let sent = 0
      const sending: Promise<unknown>[] = []
      const sessions = [0, 1, 2, 3].map((index) => `${peer.transport.peerId.slice(-12)}-${index}`)
      for (const session of sessions) {
        await send(openOf(peer, { session, epoch: 3 }))
        expect(await next()).toMatchObject({ type: 'opened', session })
      }
      for (const session of sessions) {
        for (let step = 0; step < 60; step += 1) {
          const message = {
            type: 'step',
            session,
            start: 1,
            epoch: 3,
            position: 0,
            rows: 512,
            step,
            rewind: false,
            want: 'last',
          } as const
          sending.push(
            send(message, new Float32Array(512 * 256)).then(
              () => (sent += 1),
              () => undefined,
            ),
          )
        }
      }
      await stillServes()
      // Credit for 5.4 MiB, and what the sockets hold: before, 64 MiB for each channel.
      expect(sent * 0.5).toBeLessThan(16)
      expect(residentMiB() - before).toBeLessThan(growthMiB)
      channel.abort(new Error('enough'))
      await Promise.all(sending)
    },
  )

  it('three hundred silent sockets of one address shut out nobody', async () => {
    const [, host = '', port = ''] = /\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(node.address) ?? []
    const sockets: Socket[] = []
    for (let opened = 0; opened < 300; opened += 1) {
      const socket = connectSocket(Number(port), host)
      socket.on('error', () => undefined)
      sockets.push(socket)
      await new Promise((resolve) => socket.once('connect', resolve))
    }
    for (let dial = 0; dial < 2; dial += 1) await stillServes()
    for (const socket of sockets) socket.destroy()
  })

  it('a stage dials no address that a stranger names, and tells nothing of what is there', async () => {
    let knocks = 0
    const server = createServer((socket) => {
      knocks += 1
      socket.end('220 a banner that is nobody’s business\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const place = server.address()
    const open = typeof place === 'object' ? (place?.port ?? 0) : 0
    const peer = await stranger()
    const target = (await stranger()).transport.peerId
    const { channel, send, next } = await converse(peer)
    const answers: SessionMessage[] = []
    for (const port of [open, 1]) {
      await send(
        openOf(peer, {
          next: { peer: target, addresses: [`/ip4/127.0.0.1/tcp/${port}`], coordinator: false },
        }),
      )
      answers.push(await next())
    }
    expect(answers[0]).toMatchObject({ type: 'failed', code: 'peer-vanished' })
    expect(answers[1]).toEqual(answers[0])
    expect(JSON.stringify(answers)).not.toMatch(/banner|refused|tcp/i)
    expect(knocks).toBe(0)
    channel.abort(new Error('enough'))
    await new Promise((resolve) => server.close(resolve))
  })

  it('one key that opens all the sessions it can leaves room for another one', async () => {
    const opened: number[] = []
    for (const _ of ['the greedy one', 'another one']) {
      const peer = await stranger()
      const { send, next } = await converse(peer)
      let count = 0
      for (let index = 0; index < 80; index += 1) {
        await send(
          openOf(peer, { session: `${peer.transport.peerId.slice(-12)}-${index}`, tokenBudget: 512 }),
        )
        if ((await next()).type === 'opened') count += 1
      }
      opened.push(count)
    }
    expect(opened[0]).toBeGreaterThan(0)
    expect(opened[0]).toBeLessThanOrEqual(16)
    expect(opened[1]).toBeGreaterThan(0)
    await stillServes()
  })
})
