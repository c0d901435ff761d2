import { expect, test } from 'vitest'
import type { Channel } from '@shoal/network'
import {
  decodeSession,
  encodeSession,
  encodeSteps,
  protocols,
  type KeyValues,
  type KeyValuesEnd,
  type OpenSession,
  type SentStep,
  type SessionMessage,
} from '@shoal/protocol'
import { createChecksum } from '../../stage/hand-over/checksum.ts'
import { settled } from '@shoal/host/testing'
import { fakeManifestId } from '../../testing/fake-node.ts'
import { createFakeSwarm, freeEverywhere, type FakeSwarm } from '../../testing/fake-swarm.ts'

interface Hostile {
  readonly channel: Channel
  readonly answers: SessionMessage[]
  send(message: SessionMessage, values?: Float32Array): Promise<void>
  end(change?: Partial<KeyValuesEnd>, steps?: readonly SentStep[]): Promise<void>
}

const open = (change: Partial<OpenSession> = {}): OpenSession => ({
  type: 'open',
  session: 'theirs',
  manifest: fakeManifestId,
  profile: 'f32',
  start: 0,
  end: 2,
  epoch: 1,
  tokenBudget: 64,
  wire: 'f32',
  previous: 'mallory',
  next: { peer: 'mallory', addresses: [], coordinator: true },
  restore: 'mallory',
  ...change,
})
const keyValues = (change: Partial<KeyValues> = {}): KeyValues => ({
  type: 'key-values',
  session: 'theirs',
  start: 0,
  epoch: 1,
  position: 0,
  rows: 1,
  journal: true,
  ...change,
})
/** Two blocks, one number each for a position in this fake; then an output of eight. */
const rowsOf = (rows: number, width = 10): Float32Array =>
  Float32Array.from({ length: rows * width }, (_, index) => index / 100)

/** Coordinator of a session of its own, and the one who hands it over. */
async function connectHostile(swarm: FakeSwarm, name = 'mallory'): Promise<Hostile> {
  const transport = swarm.network.createTransport(name)
  await transport.dial('/memory/node-0/p2p/node-0', { signal: new AbortController().signal })
  const channel = await transport.open('node-0', protocols.session, { signal: new AbortController().signal })
  const answers: SessionMessage[] = []
  channel.onFrame((frame) => void answers.push(decodeSession(frame).message))
  const checksum = createChecksum()
  return {
    channel,
    answers,
    async send(message, values) {
      if (message.type === 'key-values' && values !== undefined) checksum.add(values)
      await channel.send(...encodeSession(message, values))
      await settled()
    },
    async end(change = {}, steps = []) {
      const message: KeyValuesEnd = {
        type: 'key-values-end',
        session: 'theirs',
        start: 0,
        epoch: 1,
        length: 3,
        lastStep: 0,
        checksum: checksum.value,
        ...change,
      }
      await channel.send(...encodeSession(message), encodeSteps(steps))
      await settled()
    },
  }
}

const whole: readonly SentStep[] = [{ step: 0, position: 0, rows: 3, want: 'none' }]

test('what is handed over in order is taken, an end is the end, and the session goes on from there', async () => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  await mallory.send(open())
  await mallory.send(keyValues({ rows: 2 }), rowsOf(2))
  await mallory.send(keyValues({ position: 1, rows: 2 }), rowsOf(2))
  await mallory.end({}, whole)
  // Too late: none of it counts any more.
  await mallory.send(keyValues({ position: 3 }), rowsOf(1))
  await mallory.send(open({ epoch: 2 }))
  expect(mallory.answers).toMatchObject([
    { type: 'opened', length: 0 },
    { type: 'opened', epoch: 2, length: 3, lastStep: 0 },
  ])
  expect(swarm.nodes[0]!.host.memory().sessions).toBe(1)
  await mallory.send({ type: 'close', session: 'theirs', start: null })
  expect(freeEverywhere(swarm)).toBe(true)
})

test.each<[string, string, (mallory: Hostile) => Promise<void>]>([
  ['a gap', 'wrong-position', (mallory) => mallory.send(keyValues({ position: 1 }), rowsOf(1))],
  ['NaN', 'bad-frame', (mallory) => mallory.send(keyValues(), rowsOf(1).fill(Number.NaN))],
  ['half a position', 'bad-request', (mallory) => mallory.send(keyValues({ journal: false }), rowsOf(1, 3))],
  [
    'fewer positions than it says',
    'bad-frame',
    (mallory) => mallory.send(keyValues({ rows: 2, journal: false }), rowsOf(1, 2)),
  ],
  ['outputs only', 'bad-request', (mallory) => mallory.send(keyValues(), rowsOf(1, 8))],
  [
    'more than the token budget',
    'bad-request',
    (mallory) => mallory.send(keyValues({ rows: 65 }), rowsOf(65)),
  ],
  ['another length', 'wrong-position', (mallory) => mallory.end({ length: 4 }, whole)],
  ['another checksum', 'hash-mismatch', (mallory) => mallory.end({ checksum: '0123456789abcdef' }, whole)],
  [
    'steps that are not the rows',
    'bad-frame',
    (mallory) => mallory.end({}, [{ step: 0, position: 0, rows: 2, want: 'none' }]),
  ],
  ['outputs of no step', 'bad-frame', (mallory) => mallory.end({}, [])],
  ['a step behind the last one', 'bad-frame', (mallory) => mallory.end({ lastStep: null }, whole)],
])('%s is refused, nothing of it is used, and closing frees it', async (_, code, act) => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  await mallory.send(open())
  const ends = ['hash-mismatch'].includes(code) || act.toString().includes('.end(')
  if (ends) await mallory.send(keyValues({ rows: 3 }), rowsOf(3))
  await act(mallory)
  await mallory.send(open({ epoch: 2 }))
  expect(mallory.answers).toMatchObject([
    { type: 'opened' },
    { type: 'failed', epoch: 1, code },
    { type: 'failed', epoch: 2, code },
  ])
  await mallory.send({ type: 'close', session: 'theirs', start: null })
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a session waits for what it was promised until it is closed', async () => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  await mallory.send(open())
  await mallory.send(open({ epoch: 2 }))
  expect(mallory.answers).toMatchObject([{ type: 'opened' }])
  await mallory.send({ type: 'close', session: 'theirs', start: null })
  expect(freeEverywhere(swarm)).toBe(true)
})

test('a stranger can neither bring keys and values, nor have those of another sent, nor end them', async () => {
  const swarm = createFakeSwarm()
  const owner = await connectHostile(swarm, 'owner')
  await owner.send(
    open({ previous: 'owner', restore: 'friend', next: { peer: 'owner', addresses: [], coordinator: true } }),
  )
  const session = await swarm.open({ session: 'victim' })
  const local = await swarm.openLocal()
  const mallory = await connectHostile(swarm)
  await mallory.send(keyValues(), rowsOf(1))
  await mallory.end()
  await mallory.send({
    type: 'hand-over',
    session: 'victim',
    start: 0,
    epoch: 9,
    to: [{ peer: 'mallory', addresses: [], start: 0, end: 2 }],
  })
  await mallory.send({ type: 'let-go', session: 'victim', start: 0, epoch: 9 })
  expect(mallory.answers).toEqual([])
  const rows = swarm.rows(3)
  expect(await session.forward(rows, { want: 'last' })).toEqual(await local.forward(rows, { want: 'last' }))
  expect(swarm.nodes[0]!.runner.length('theirs/0/1')).toBe(0)
})

test.each<SessionMessage>([
  { type: 'leaving', session: 'theirs', start: 0 },
  { type: 'handed-over', session: 'theirs', start: 0, epoch: 1, length: 3 },
])('$type is for coordinators: a stage hangs up', async (message) => {
  const swarm = createFakeSwarm()
  const mallory = await connectHostile(swarm)
  let ended = false
  mallory.channel.onClose(() => (ended = true))
  await mallory.send(message)
  expect(ended).toBe(true)
})
