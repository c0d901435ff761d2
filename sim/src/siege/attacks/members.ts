import { createServer } from 'node:net'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { createMembership, membershipProfiles, type Announcement, type Membership } from '@shoal/membership'
import { OwnWords, readStatement, sealStatement, sealWord, type Word } from '@shoal/membership/testing'
import { decodeMembers, encodeMembers, protocols } from '@shoal/protocol'
import type { Attack, Besieger } from '../attack.ts'
import type { RawPeer } from '../raw-peer.ts'

/** yjs throws on these bytes, and 13 of them once ended a node. */
const deadlyUpdate = Uint8Array.from(Buffer.from('01010501a10301010102010400', 'hex'))
const noPrev = new Uint8Array(16)

/** A member by the rules that announces what it likes. */
async function member(
  besieger: Besieger,
  peer: RawPeer,
  announcement: Announcement,
  incarnation = 1,
): Promise<Membership> {
  const membership = createMembership(
    { transport: peer.transport, clock: systemClock, random: systemRandom, logger: silentLogger },
    { ...membershipProfiles.local, document: besieger.target.manifest, incarnation },
  )
  membership.start()
  await peer.transport.dial(besieger.target.address, { signal: besieger.signal })
  await membership.announce(announcement)
  besieger.count('members')
  return membership
}

const hardware = {
  memoryBytes: Number.MAX_SAFE_INTEGER,
  decodeMicrosPerBlock: 0,
  prefillMicrosPerRowBlock: 0,
  bandwidthBytesPerSecond: Number.MAX_SAFE_INTEGER,
  device: 'cpu',
  threads: 1024,
}

/** Words without a signature, under the names of honest owners. */
async function unsignedWords(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger()
    const channel = await besieger.open(peer, protocols.members)
    const stolen = await sealWord(peer.transport, besieger.target.manifest, {
      owner: besieger.target.peerId,
      incarnation: 9_999_999_999,
      seq: 1,
      generation: 0,
      kind: 'snapshot',
      prev: noPrev,
      update: deadlyUpdate,
    })
    for (const word of [deadlyUpdate, stolen.bytes, new Uint8Array(8000)])
      for (let times = 0; times < 3; times += 1) {
        await channel.send(...encodeMembers({ type: 'words', pushed: true, words: [word] }))
        besieger.count('words')
      }
    await besieger.pause(20)
    await besieger.dismiss(peer)
  })
}

/** Real words of one key after the other: first the deadly update, then honest ones at any pace. */
async function wordFlood(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger()
    const channel = await besieger.open(peer, protocols.members)
    const sealed = (incarnation: number, seq: number, update: Uint8Array): Promise<Word> =>
      sealWord(peer.transport, besieger.target.manifest, {
        owner: peer.transport.peerId,
        incarnation,
        seq,
        generation: 0,
        kind: 'snapshot',
        prev: noPrev,
        update,
      })
    await channel.send(
      ...encodeMembers({ type: 'words', pushed: true, words: [(await sealed(1, 1, deadlyUpdate)).bytes] }),
    )
    const words = new OwnWords(peer.transport.peerId)
    for (let turn = 0; turn < 200 && !channel.closed && !besieger.over; turn += 1) {
      const value = new TextEncoder().encode(`${turn}`.padEnd(3000, 'x'))
      const body = words.next(2 + turn, new Map([['state', value]]))
      if (body === undefined) break
      const word = await sealWord(peer.transport, besieger.target.manifest, body)
      words.said(word)
      await channel.send(...encodeMembers({ type: 'words', pushed: true, words: [word.bytes, word.bytes] }))
      besieger.count('words')
    }
    await besieger.dismiss(peer)
  })
}

/** Two words under one number, from one new key after the other: each proof is for everybody. */
async function contradictions(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger()
    const channel = await besieger.open(peer, protocols.members)
    for (const update of [Uint8Array.of(0, 0), deadlyUpdate]) {
      const word = await sealWord(peer.transport, besieger.target.manifest, {
        owner: peer.transport.peerId,
        incarnation: 1,
        seq: 1,
        generation: 0,
        kind: 'snapshot',
        prev: noPrev,
        update,
      })
      await channel.send(...encodeMembers({ type: 'words', pushed: true, words: [word.bytes] }))
      besieger.count('words')
    }
    await besieger.pause(20)
    await besieger.dismiss(peer)
  })
}

/** Claims as a member that the target is held dead, whenever the target says that it is alive. */
async function heldDead(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger()
    const membership = await member(besieger, peer, { state: 'joining', hardware })
    const channel = await peer.open(besieger.target.address, protocols.members)
    channel.onFrame(async (frame) => {
      const message = decodeMembers(frame)
      if (message.type !== 'statements') return
      for (const bytes of message.statements) {
        const { kind, subject, incarnation, count } = readStatement(bytes)
        if (kind !== 'alive' || subject !== besieger.target.peerId) continue
        const signed = { signer: peer.transport.peerId, signerIncarnation: membership.incarnation }
        const claim = { kind: 'held', ...signed, subject, incarnation, count } as const
        const held = await sealStatement(peer.transport, besieger.target.manifest, claim)
        const statements = Array.from({ length: 20 }, () => held.bytes)
        await channel.send(...encodeMembers({ type: 'statements', pushed: true, statements }))
        besieger.count('claims', 20)
      }
    })
    const roll = { type: 'roll', salt: 1, answer: true, hashes: new Uint32Array() } as const
    await channel.send(...encodeMembers(roll))
    channel.onClose(() => undefined)
    await besieger.pause(3000)
    await membership.close()
    await besieger.dismiss(peer)
  })
}

/** Members whose records name addresses of somebody else, at which the swarm is to knock. */
async function madeUpAddresses(besieger: Besieger): Promise<void> {
  const server = createServer((socket) => {
    besieger.count('dials caused')
    socket.on('error', () => undefined)
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const place = server.address()
  const port = typeof place === 'object' ? (place?.port ?? 1) : 1
  try {
    await besieger.repeat(async () => {
      const announce = Array.from({ length: 16 }, (_, index) => `/ip4/127.0.0.${index + 1}/tcp/${port}`)
      const peer = await besieger.stranger({ announce })
      const membership = await member(besieger, peer, {
        state: 'serving',
        span: { start: 0, end: 1 },
        hardware,
      })
      await besieger.pause(300)
      await membership.close()
      await besieger.dismiss(peer)
    }, 200)
  } finally {
    server.close()
  }
}

/** A member that claims to be the fastest, takes every session and computes nothing. */
async function absurdClaims(besieger: Besieger): Promise<void> {
  await besieger.repeat(async () => {
    const peer = await besieger.stranger({ listen: ['/ip4/127.0.0.1/tcp/0'] })
    try {
      await claim(besieger, peer)
    } finally {
      await besieger.dismiss(peer)
    }
  })
}

async function claim(besieger: Besieger, peer: RawPeer): Promise<void> {
  peer.transport.handle(protocols.session, (channel) => {
    besieger.count('sessions taken')
    channel.onFrame(() => undefined)
    channel.onClose(() => undefined)
  })
  peer.transport.handle(protocols.blobs, (channel) => {
    besieger.count('fetchers')
    channel.onFrame(() => undefined)
    channel.onClose(() => undefined)
  })
  const membership = await member(besieger, peer, {
    state: 'serving',
    span: { start: 0, end: 6 },
    hardware,
    numericClass: 'none',
  })
  while (!besieger.over) await besieger.pause(200)
  await membership.close()
}

export const memberAttacks: readonly Attack[] = [
  { name: 'unsigned-words', about: 'sends words that their owners have not signed', run: unsignedWords },
  {
    name: 'word-flood',
    about: 'sends words of ever new owners, which yjs cannot read, or large',
    run: wordFlood,
  },
  {
    name: 'contradictions',
    about: 'says two things under one number, with ever new keys',
    run: contradictions,
  },
  { name: 'held-dead', about: 'tells the target that it is held dead', run: heldDead },
  {
    name: 'made-up-addresses',
    about: 'joins with records that name sixteen addresses of somebody else',
    run: madeUpAddresses,
  },
  {
    name: 'absurd-claims',
    about: 'joins as the fastest of all, with all blocks, and computes nothing',
    run: absurdClaims,
  },
]
