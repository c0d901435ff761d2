import { createServer } from 'node:net'
import { systemRandom } from '@shoal/host/node'
import {
  decodeSession,
  encodeSession,
  protocols,
  type OpenSession,
  type SessionMessage,
  type Step,
} from '@shoal/protocol'
import type { Attack, Besieger, Target } from '../attack.ts'
import { readFrames, type RawPeer } from '../raw-peer.ts'

/** A session of a coordinator that is also the stage before and behind the target. */
export function openOf(target: Target, peer: RawPeer, change: Partial<OpenSession> = {}): OpenSession {
  return {
    type: 'open',
    session: `${peer.transport.peerId.slice(-12)}-${systemRandom.uint32()}`,
    manifest: target.manifest,
    profile: target.profile,
    start: target.start,
    end: target.end,
    epoch: 0,
    tokenBudget: 512,
    wire: 'f32',
    previous: peer.transport.peerId,
    next: { peer: peer.transport.peerId, addresses: [], coordinator: true },
    ...change,
  }
}

/** The first row of a session. */
export function stepOf(open: OpenSession, change: Partial<Step> = {}): Step {
  return {
    type: 'step',
    session: open.session,
    start: open.start,
    epoch: open.epoch,
    position: 0,
    rows: 1,
    step: 0,
    rewind: false,
    want: 'last',
    ...change,
  }
}

export interface Conversation {
  send(message: SessionMessage, rows?: Float32Array): Promise<void>
  next(): Promise<SessionMessage>
  /** Opens a session. @returns whether the target did */
  begin(open: OpenSession): Promise<boolean>
}

export async function converse(besieger: Besieger, peer: RawPeer): Promise<Conversation> {
  const channel = await peer.open(besieger.target.address, protocols.session)
  const frames = readFrames(channel)
  const send = (message: SessionMessage, rows?: Float32Array): Promise<void> =>
    channel.send(...encodeSession(message, rows))
  const next = async (): Promise<SessionMessage> => decodeSession(await frames.next()).message
  return {
    send,
    next,
    async begin(open) {
      await send(open)
      for (;;) {
        const answer = await next()
        if (answer.type === 'opened' && answer.session === open.session) return true
        if (answer.type === 'failed' && answer.session === open.session) {
          besieger.count(`open: ${answer.code}`)
          return false
        }
      }
    },
  }
}

/** Sessions of one key whose rows wait, since they are of a repaired route that nobody replays. */
async function heldRows(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger()
    const talk = await converse(besieger, peer)
    const rows = new Float32Array(512 * besieger.target.hiddenSize)
    for (let session = 0; session < 4; session += 1) {
      const open = openOf(besieger.target, peer, { epoch: 3 })
      if (!(await talk.begin(open))) continue
      besieger.count('sessions')
      for (let step = 0; step < 60; step += 1)
        talk.send(stepOf(open, { epoch: 3, rows: 512, step }), rows).catch(() => undefined)
    }
    for (let second = 0; second < 20 && !besieger.over; second += 1) {
      await talk.send({ type: 'keep-alive' })
      await besieger.pause(1000)
    }
    await besieger.dismiss(peer)
  })
}

/** Each key opens all the sessions it can, with the largest budgets. */
async function greedyKeys(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger()
    const talk = await converse(besieger, peer)
    for (let session = 0; session < 64 && !besieger.over; session += 1)
      if (await talk.begin(openOf(besieger.target, peer))) besieger.count('sessions')
    await besieger.pause(500)
    // The last keys are dropped: their sessions stay for the grace of a lost coordinator.
    await besieger.dismiss(peer)
  })
}

/** Prefills of 512 rows, one after the other, from several keys. */
async function prefills(besieger: Besieger, rowsOfStep: number): Promise<void> {
  const rows = new Float32Array(rowsOfStep * besieger.target.hiddenSize).fill(0.01)
  const one = (): Promise<void> =>
    besieger.repeat(async () => {
      const peer = await besieger.stranger()
      const talk = await converse(besieger, peer)
      for (let session = 0; session < 8 && !besieger.over; session += 1) {
        const open = openOf(besieger.target, peer)
        if (!(await talk.begin(open))) break
        for (let step = 0; step * rowsOfStep < 512 && !besieger.over; step += 1) {
          await talk.send(
            stepOf(open, { rows: rowsOfStep, step, position: step * rowsOfStep, want: 'all' }),
            rows,
          )
          const answer = await talk.next()
          besieger.count(answer.type === 'failed' ? `step: ${answer.code}` : 'rows', rowsOfStep)
          if (answer.type === 'failed') break
        }
        await talk.send({ type: 'close', session: open.session, start: null })
      }
      await besieger.dismiss(peer)
    })
  await Promise.all(Array.from({ length: 8 }, one))
}

/** Has the target knock at ports of this machine. */
async function portScan(besieger: Besieger): Promise<void> {
  const server = createServer((socket) => {
    besieger.count('knocks')
    socket.on('error', () => undefined)
    socket.end('220 a banner\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const place = server.address()
  const port = typeof place === 'object' ? (place?.port ?? 1) : 1
  try {
    const [peer, other] = [await besieger.stranger(), await besieger.stranger()]
    await besieger.repeat(async () => {
      const talk = await converse(besieger, peer)
      while (!besieger.over)
        for (const knocked of [port, 1]) {
          const addresses = [`/ip4/127.0.0.1/tcp/${knocked}`]
          const next = { peer: other.transport.peerId, addresses, coordinator: false }
          if (await talk.begin(openOf(besieger.target, peer, { next, tokenBudget: 16 })))
            besieger.count('next stages reached')
        }
    })
  } finally {
    server.close()
  }
}

/** Sessions that fail on purpose, so that somebody else could be blamed. */
async function spoiltSessions(besieger: Besieger): Promise<void> {
  const peer = await besieger.stranger()
  await besieger.repeat(async () => {
    const talk = await converse(besieger, peer)
    const open = openOf(besieger.target, peer, { tokenBudget: 16 })
    if (!(await talk.begin(open))) return
    const { hiddenSize } = besieger.target
    await talk.send(stepOf(open), new Float32Array(3))
    await talk.send(stepOf(open, { step: 1 }), new Float32Array(hiddenSize).fill(Number.NaN))
    await talk.send(stepOf(open, { step: 2, position: 9 }), new Float32Array(hiddenSize))
    for (let answer = 0; answer < 3; answer += 1) besieger.count((await talk.next()).type)
    await talk.send({ type: 'close', session: open.session, start: null })
  })
}

export const sessionAttacks: readonly Attack[] = [
  {
    name: 'prefills',
    about: 'has prompts of 512 rows computed without a pause, by eight keys',
    run: (besieger) => prefills(besieger, 512),
  },
  {
    name: 'decodes',
    about: 'has single rows computed without a pause, by eight keys',
    run: (besieger) => prefills(besieger, 1),
  },
  {
    name: 'held-rows',
    about: 'opens sessions, sends them rows that are never computed, and keeps them alive',
    run: heldRows,
  },
  {
    name: 'greedy-sessions',
    about: 'opens all the sessions that one key after the other gets, for KV memory and places',
    run: greedyKeys,
  },
  { name: 'port-scan', about: 'names ports of this machine as the next stage', run: portScan },
  {
    name: 'spoilt-sessions',
    about: 'sends rows of a wrong shape, without a number, and at a wrong position',
    run: spoiltSessions,
  },
]
