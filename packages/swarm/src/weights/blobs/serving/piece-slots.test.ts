import { settled } from '@shoal/host/testing'
import { expect, test } from 'vitest'
import { blobLimits } from '../limits.ts'
import { createPieceSlots, type PieceSlots } from './piece-slots.ts'

const { total, perPeer, perNetwork } = blobLimits.served

async function ask(
  slots: PieceSlots,
  peer: string,
  network: string | null,
  onPlace: (giveBack: () => void) => void,
): Promise<void> {
  onPlace(await slots.take(peer, network))
}

test('a thousand keys of one network leave places to other networks', async () => {
  const slots = createPieceSlots(blobLimits.served)
  const giveBacks: (() => void)[] = []
  for (let key = 0; key < 1000; key += 1)
    void ask(slots, `key-${key}`, 'one', (giveBack) => giveBacks.push(giveBack))
  await settled(5)
  expect(giveBacks).toHaveLength(perNetwork)
  await slots.take('honest', 'another')
  await slots.take('of this machine', null)
  for (const giveBack of giveBacks.splice(0)) giveBack()
  await settled(5)
  expect(giveBacks).toHaveLength(perNetwork)
})

test('a peer has its two places, and all peers together have theirs', async () => {
  const slots = createPieceSlots(blobLimits.served)
  let taken = 0
  for (let peer = 0; peer < 100; peer += 1)
    for (let piece = 0; piece < 3; piece += 1) void ask(slots, `${peer}`, `${peer}`, () => (taken += 1))
  await settled(5)
  expect(taken).toBe(total)
  const alone = createPieceSlots(blobLimits.served)
  let own = 0
  for (let piece = 0; piece < 3; piece += 1) void ask(alone, 'peer', null, () => (own += 1))
  await settled(5)
  expect(own).toBe(perPeer)
})
