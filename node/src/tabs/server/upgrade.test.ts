import { readFileSync } from 'node:fs'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createVirtualClock, seededRandom, silentLogger, type VirtualClock } from '@shoal/host'
import { parseConfig, type IdentifiedManifest } from '@shoal/model'
import { decodeFrame, encodeFrame } from '@shoal/runtime'
import { ApiError } from '../../api/errors.ts'
import { listen, type ApiServer } from '../../api/server.ts'
import { tabLimits } from '../limits.ts'
import { tabProtocol } from '../messages.ts'
import { addLend } from './routes.ts'
import { createTabDesk, type TabDesk } from './tab-desk.ts'
import type { TabPeerOptions } from './tab-session.ts'
import { tabUpgrades } from './upgrade.ts'

const config = parseConfig(
  JSON.parse(
    readFileSync(new URL('../../../../packages/demo-model/model/config.json', import.meta.url), 'utf8'),
  ) as Parameters<typeof parseConfig>[0],
)
const manifest = { id: 'm', bytes: new Uint8Array(), manifest: { config } }
const offer = {
  kind: 'offer',
  memoryBytes: 2 ** 28,
  threads: 1,
  decodeMicrosPerBlock: 900,
  decodeMicrosPer1024Past: 10,
  prefillMicrosPerRowBlock: 90,
  blocks: [0, 1],
}

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Desk {
  readonly desk: TabDesk
  readonly server: ApiServer
  readonly clock: VirtualClock
  /** What peers were started with, and which of them have vanished. */
  readonly started: TabPeerOptions[]
  readonly ends: string[]
}

async function openDesk(isReady = true): Promise<Desk> {
  const clock = createVirtualClock()
  const started: TabPeerOptions[] = []
  const ends: string[] = []
  const desk = createTabDesk({
    clock,
    random: seededRandom(5),
    logger: silentLogger,
    async startPeer(name, options) {
      started.push(options)
      return {
        peerId: name,
        blocks: () => [0, 1],
        status: () => ({ peers: [] }) as never,
        leave: async () => void ends.push(`${name} left`),
        vanish: async () => void ends.push(`${name} vanished`),
        close: async () => void ends.push(`${name} closed`),
      }
    },
  })
  if (isReady) desk.ready({ manifest: manifest as unknown as IdentifiedManifest })
  const app = new Hono()
  app.onError((error) => new Response(null, { status: error instanceof ApiError ? error.status : 500 }))
  addLend(app, desk)
  const upgrades = tabUpgrades(desk, { keys: [], loopback: true }, silentLogger)
  const server = await listen(app, '127.0.0.1', 0, silentLogger, upgrades)
  closing.push(
    () => server.close(),
    () => inTime(clock, desk.close()),
  )
  return { desk, server, clock, started, ends }
}

/** Waits while time goes on. */
async function inTime(clock: VirtualClock, work: Promise<void>): Promise<void> {
  let over = false
  void work.finally(() => (over = true)).catch(() => undefined)
  while (!over) {
    clock.advance(tabLimits.lastWordMs)
    await new Promise(setImmediate)
  }
}

interface Dialled {
  readonly socket: WebSocket
  readonly messages: Buffer[]
  /** Status of a refusal, and its text; null when the socket was opened. */
  readonly refusal: { readonly status: number; readonly text: string } | null
}

function dial(
  { server, desk }: Desk,
  { path = '/lend/socket', protocols = [tabProtocol, desk.token], headers = {} } = {},
): Promise<Dialled> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, protocols, { headers })
  const messages: Buffer[] = []
  socket.on('message', (data: Buffer) => void messages.push(data))
  return new Promise((resolve) => {
    socket.on('error', () => undefined)
    socket.once('open', () => resolve({ socket, messages, refusal: null }))
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (data: Buffer) => (text += data.toString()))
      response.on('end', () =>
        resolve({ socket, messages, refusal: { status: response.statusCode ?? 0, text } }),
      )
    })
  })
}

/** The next message that has not been read. */
async function nextMessage({ messages }: Dialled): Promise<Readonly<Record<string, unknown>>> {
  await expect.poll(() => messages.length).toBeGreaterThan(0)
  return decodeFrame(messages.shift()!, { bytesMax: 2 ** 20, headBytesMax: 2 ** 20 })
}
const ended = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => socket.once('close', (_code, reason: Buffer) => resolve(reason.toString())))

test.each<[string, Parameters<typeof dial>[1], number, RegExp]>([
  ['of an earlier start', { protocols: [tabProtocol, '0'.repeat(32)] }, 403, /earlier start/],
  ['without a token', { protocols: [tabProtocol] }, 403, /not one of this node/],
  ['of another protocol', { protocols: ['chat'] }, 400, /speaks shoal-lend-1/],
  ['of a page of another origin', { headers: { origin: 'https://evil.example' } }, 403, /evil\.example/],
  ['under a rebound name', { headers: { host: 'evil.example' } }, 403, /evil\.example/],
  ['elsewhere', { path: '/lend/other' }, 404, /no WebSocket here/],
])('a socket %s is refused', async (_name, options, status, text) => {
  const { refusal } = await dial(await openDesk(), options)
  expect(refusal).toMatchObject({ status, text: expect.stringMatching(text) as unknown })
})

test('a node that still loads, and one with enough tabs, refuse more with a sentence', async () => {
  const loading = await dial(await openDesk(false))
  expect(loading.refusal).toMatchObject({
    status: 403,
    text: expect.stringMatching(/still loading/) as unknown,
  })
  const desk = await openDesk()
  const tabs = await Promise.all(Array.from({ length: tabLimits.tabsMax }, () => dial(desk)))
  const refused = await dial(desk)
  expect(refused.refusal?.text).toMatch(/8 tabs serve here/)
  const gone = ended(tabs[0]!.socket)
  tabs[0]!.socket.close()
  await gone
  await expect.poll(async () => (await dial(desk)).refusal).toBeNull()
})

test('an offer starts a peer, which vanishes with the socket', async () => {
  const desk = await openDesk()
  const tab = await dial(desk)
  const { socket } = tab
  const welcome = await nextMessage(tab)
  expect(welcome).toMatchObject({ kind: 'welcome', manifest: { config: { blockCount: 6 } } })
  socket.send(encodeFrame(offer))
  expect(await nextMessage(tab)).toMatchObject({ kind: 'news', phase: 'starting' })
  await expect.poll(() => desk.started).toHaveLength(1)
  expect(desk.started[0]).toMatchObject({ memoryBytes: offer.memoryBytes, threads: 1, blocks: [0, 1] })
  expect(desk.started[0]?.blockSpeed).toMatchObject({ decodeMicrosPerBlock: 900 })
  socket.terminate()
  await expect.poll(() => desk.ends).toEqual(['tab-1 vanished'])
})

test('a tab that leaves hands over first, and one whose node leaves does too', async () => {
  const desk = await openDesk()
  for (const end of ['leave', 'node'] as const) {
    const { socket } = await dial(desk)
    socket.send(encodeFrame(offer))
    const count = desk.started.length
    await expect.poll(() => desk.started.length).toBe(count + 1)
    const gone = ended(socket)
    if (end === 'leave') socket.send(encodeFrame({ kind: 'leave' }))
    else void desk.desk.close()
    await expect.poll(() => desk.ends.at(-1)).toMatch(/left$/)
    desk.clock.advance(tabLimits.lastWordMs)
    await gone
    await expect.poll(() => desk.ends.at(-1)).toMatch(/closed$/)
  }
})

test('tabs that come and go all the time start no more peers than a swarm bears, and others serve on', async () => {
  const desk = await openDesk()
  const steady = await dial(desk)
  steady.socket.send(encodeFrame(offer))
  await expect.poll(() => desk.started).toHaveLength(1)
  for (let turn = 1; turn < tabLimits.startsAtOnce; turn += 1) {
    const { socket } = await dial(desk)
    socket.send(encodeFrame(offer))
    await expect.poll(() => desk.started).toHaveLength(turn + 1)
    socket.terminate()
    await expect.poll(() => desk.ends).toHaveLength(turn)
  }
  const late = await dial(desk)
  await nextMessage(late)
  late.socket.send(encodeFrame(offer))
  await nextMessage(late)
  expect(await nextMessage(late)).toMatchObject({
    phase: 'failed',
    reason: expect.stringMatching(/one more may in 15 s/) as unknown,
  })
  late.socket.terminate()
  expect(desk.started).toHaveLength(tabLimits.startsAtOnce)
  expect(steady.socket.readyState).toBe(WebSocket.OPEN)
  desk.clock.advance(tabLimits.startEveryMs)
  const { socket } = await dial(desk)
  socket.send(encodeFrame(offer))
  await expect.poll(() => desk.started).toHaveLength(tabLimits.startsAtOnce + 1)
})

const largeBeat = encodeFrame({ kind: 'beat', rows: new Float32Array(tabLimits.headBytesMax) })

test.each<[string, Uint8Array | string, RegExp]>([
  ['text', 'hello', /not binary/],
  ['bytes without a head', Uint8Array.of(1, 2), /2 bytes/],
  ['an offer of no memory', encodeFrame({ ...offer, memoryBytes: 0 }), /memoryBytes of the offer/],
  ['an offer of all memory', encodeFrame({ ...offer, memoryBytes: 2 ** 50 }), /memoryBytes of the offer/],
  ['blocks backwards', encodeFrame({ ...offer, blocks: [3, 1] }), /blocks of the offer/],
  ['an unknown message', encodeFrame({ kind: 'shell' }), /does not know such a message/],
  ['a large message that is no reply', largeBeat, /only replies have more/],
  ['a reply to nothing', encodeFrame({ kind: 'reply', id: 1, result: null }), /does not know such a message/],
])('a tab that sends %s is ended with the reason, and the node goes on', async (_name, frame, reason) => {
  const desk = await openDesk()
  const { socket } = await dial(desk)
  const gone = ended(socket)
  socket.send(frame)
  expect(await gone).toMatch(reason)
  expect(desk.started).toEqual([])
  expect((await dial(desk)).refusal).toBeNull()
})

test('a tab without an offer is ended after a while', async () => {
  const desk = await openDesk()
  const tab = await dial(desk)
  await nextMessage(tab)
  const gone = ended(tab.socket)
  desk.clock.advance(tabLimits.offerMs)
  expect(await nextMessage(tab)).toMatchObject({ kind: 'news', phase: 'failed' })
  desk.clock.advance(tabLimits.lastWordMs)
  expect(await gone).toMatch(/offered nothing/)
})

test.each([
  '/lend/units/block-0',
  '/lend/units/..%2f..%2fpeer.key',
  '/lend/files/..%2fpage.ts',
  '/lend/files/page.ts',
])('without a tab there is no %s', async (path) => {
  const { server } = await openDesk()
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    headers: { authorization: `Bearer ${'0'.repeat(32)}` },
  })
  expect(response.status).toBe(404)
})
