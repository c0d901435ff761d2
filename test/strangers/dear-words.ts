import {
  clientOf,
  dearestUpdate,
  noPrev,
  quadraticUpdate,
  sealBody,
  type Word,
} from '@shoal/membership/testing'
import { memberLimits } from '@shoal/membership'
import { createPeerKey, peerIdOfKey, signerOf, type Channel } from '@shoal/network'
import { encodeMembers, protocols } from '@shoal/protocol'
import { createRawPeer } from '@shoal/sim/siege'
import type { Up } from '../harness.ts'

/** Items of an update that a frame can carry: 8 bytes each, and a length of two bytes. */
const quadraticItems = 7500

/** A word by a new key. */
async function wordOf(manifest: string, write: (client: number) => Uint8Array): Promise<Word> {
  const key = await createPeerKey()
  const owner = peerIdOfKey(key)
  const header = { owner, incarnation: 1, seq: 1, generation: 0, kind: 'snapshot', prev: noPrev } as const
  const client = clientOf({ ...header, update: new Uint8Array() })
  return sealBody(signerOf(key), manifest, { ...header, update: write(client) })
}

/** Words by one key each. The dear ones are as dear as the grammar allows; the quadratic ones would be dearer. */
export const wordCounts = { dear: 40, quadratic: 6 } as const

/** Sends them as one peer, which is shut out at its eighth refused frame. */
export async function sendDearWords({ address, ready }: Up): Promise<void> {
  const peer = await createRawPeer()
  const seal = (count: number, write: (client: number) => Uint8Array): Promise<Word[]> =>
    Promise.all(Array.from({ length: count }, () => wordOf(ready.manifest, write)))
  const send = async (channel: Channel, { bytes }: Word): Promise<void> =>
    channel.send(...encodeMembers({ type: 'words', pushed: true, words: [bytes] }))
  try {
    const dear = await seal(wordCounts.dear, (client) => dearestUpdate(client, memberLimits.maxItemsPerWord))
    const channel = await peer.open(address, protocols.members)
    channel.onFrame(() => undefined)
    for (const word of dear) await send(channel, word)
    for (const word of await seal(wordCounts.quadratic, (client) => quadraticUpdate(client, quadraticItems)))
      await send(channel, word)
  } finally {
    await peer.close()
  }
}
