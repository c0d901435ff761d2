import { createVirtualClock, seededRandom } from '@shoal/host'
import { createMemoryNetwork, type Channel, type Transport } from '@shoal/network'
import { encodeSession, protocols, type SessionMessage } from '@shoal/protocol'
import { expect, test } from 'vitest'
import { isDue, type KillOrder } from './kill-points.ts'
import { makeMortal } from './mortal-transport.ts'

const session = 'a'.repeat(32)
const step = (epoch: number, position: number): SessionMessage => ({
  type: 'step',
  session,
  start: 2,
  epoch,
  position,
  rows: 1,
  step: position,
  rewind: false,
  want: 'last',
})
const order: KillOrder = { moment: 'received', fromEpoch: 1, fromPosition: 5, claim: 'unused' }

test.each([
  ['at its position', order, 'received', step(1, 5), true],
  ['behind it', order, 'received', step(1, 9), true],
  ['before it', order, 'received', step(1, 4), false],
  ['at another moment', order, 'sent', step(1, 5), false],
  ['of an older route', order, 'received', step(0, 5), false],
  ['of a newer route', order, 'received', step(2, 5), true],
  [
    'an answer',
    { ...order, moment: 'sending' },
    'sending',
    { type: 'result', session, epoch: 1, position: 5, rows: 1, step: 5 },
    true,
  ],
  [
    'no rows',
    order,
    'received',
    { type: 'replay', session, start: 2, epoch: 1, length: 9, from: 5, settled: 7 },
    false,
  ],
] as const)('an order and a frame %s', (_, given, moment, message, due) => {
  expect(isDue(given, moment, message)).toBe(due)
})

/** Two peers with a session channel; `deaths` records when the second would kill itself. */
async function pair(
  orders: readonly KillOrder[],
): Promise<{ near: Channel; received: Uint8Array[]; answer: () => Promise<void>; deaths: () => string[] }> {
  const network = createMemoryNetwork({ clock: createVirtualClock(), random: seededRandom(1) })
  const received: Uint8Array[] = []
  const deaths: string[] = []
  let far: Channel | null = null
  const mortal: Transport = makeMortal(
    network.createTransport('stage'),
    () => orders,
    () => void deaths.push(`after ${received.length} frames`),
  )
  mortal.handle(protocols.session, (channel) => {
    far = channel
    channel.onFrame((frame) => void received.push(frame))
  })
  const { signal } = new AbortController()
  const caller = network.createTransport('caller')
  await caller.dial(mortal.addresses()[0]!, { signal })
  const near = await caller.open('stage', protocols.session, { signal })
  near.onFrame(() => undefined)
  return {
    near,
    received,
    answer: () =>
      far!.send(...encodeSession({ type: 'result', session, epoch: 1, position: 5, rows: 0, step: 5 })),
    deaths: () => deaths,
  }
}

const row = new Float32Array(4)

test('an order for a received row kills the stage before that row is handed on', async () => {
  const { near, received, deaths } = await pair([order])
  await near.send(...encodeSession(step(1, 4), row))
  await near.send(...encodeSession(step(1, 5), row))
  expect(deaths()).toEqual(['after 1 frames'])
  expect(received).toHaveLength(2)
})

test('an order kills the stage before or after its answer leaves, and without an order it lives', async () => {
  for (const moment of ['sending', 'sent'] as const) {
    const { answer, deaths } = await pair([{ ...order, moment }])
    await answer()
    expect(deaths()).toHaveLength(1)
  }
  const { near, answer, deaths } = await pair([])
  await near.send(...encodeSession(step(1, 5), row))
  await answer()
  expect(deaths()).toEqual([])
})
