import { codes } from './codes.ts'
import { badFrame, encodeFrame, type FrameParts } from './frame.ts'
import { joinLists, splitList } from './byte-lists.ts'
import { limits } from './limits.ts'

/** The load of one peer. */
export interface PeerLoad {
  /** Number of open sessions. */
  readonly sessions: number
  /** Share of the last interval spent computing, in thousandths. */
  readonly busyPermille: number
}

/**
 * A sign of life over the sender's own connection. It goes one hop only, and therefore needs no signature. Its payload is
 * binary, because beats are most of what a swarm at rest sends.
 */
export interface Beat extends PeerLoad {
  readonly type: 'beat'
  /** 0 from a peer that announces nothing of itself and only observes. */
  readonly incarnation: number
  /** Counts up within an incarnation. */
  readonly beat: number
  /** The sender watches the receiver, and wants its beats. */
  readonly wants: boolean
  /** The receiver answers at once with a beat. */
  readonly asks: boolean
  /** Sent at once because a beat of the receiver has come: the time between the two is a round trip. */
  readonly answers: boolean
  /** After the answer to this beat the receiver is to begin the next exchange. */
  readonly yields: boolean
  /** Digest of the lives that the sender holds alive. */
  readonly lives: number
  /** Digest of the words that the sender knows. */
  readonly known: number
  /** Loads that the sender has heard from its own neighbours, by a hash of their names; those at rest are left out. */
  readonly loads: readonly (PeerLoad & { readonly peer: number })[]
  /** Words that are not urgent. */
  readonly words: readonly Uint8Array[]
}

const fixedBytes = 26
const loadBytes = 8
const flags = { wants: 1, asks: 2, answers: 4, yields: 8 } as const

export function encodeBeat(beat: Beat): FrameParts {
  const words = joinLists(beat.words)
  const wordsAt = fixedBytes + loadBytes * beat.loads.length
  const bytes = new Uint8Array(wordsAt + words.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(beat.incarnation / 2 ** 32), true)
  view.setUint32(4, beat.incarnation % 2 ** 32, true)
  view.setUint32(8, beat.beat, true)
  view.setUint32(12, beat.lives, true)
  view.setUint32(16, beat.known, true)
  view.setUint16(20, Math.min(beat.sessions, 0xffff), true)
  view.setUint16(22, beat.busyPermille, true)
  for (const name of ['wants', 'asks', 'answers', 'yields'] as const)
    if (beat[name]) bytes[24]! |= flags[name]
  bytes[25] = beat.loads.length
  for (const [index, { peer, sessions, busyPermille }] of beat.loads.entries()) {
    const at = fixedBytes + loadBytes * index
    view.setUint32(at, peer, true)
    view.setUint16(at + 4, Math.min(sessions, 0xffff), true)
    view.setUint16(at + 6, busyPermille, true)
  }
  bytes.set(words, wordsAt)
  return encodeFrame(codes.beat, {}, bytes)
}

/** @throws {ShoalError} `bad-frame` */
export function decodeBeat(payload: Uint8Array): Beat {
  const count = payload[25]
  if (count === undefined) throw badFrame(`beat: ${payload.length} bytes are shorter than ${fixedBytes}`)
  const wordsAt = fixedBytes + loadBytes * count
  if (count > limits.maxLoadsPerBeat || wordsAt > payload.length)
    throw badFrame(`beat: ${count} loads are too many for ${payload.length} bytes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const incarnation = view.getUint32(0, true) * 2 ** 32 + view.getUint32(4, true)
  if (!Number.isSafeInteger(incarnation)) throw badFrame('beat: incarnation must be a safe integer')
  const bits = view.getUint8(24)
  return {
    type: 'beat',
    incarnation,
    beat: view.getUint32(8, true),
    lives: view.getUint32(12, true),
    known: view.getUint32(16, true),
    ...loadAt(view, 20),
    wants: (bits & flags.wants) !== 0,
    asks: (bits & flags.asks) !== 0,
    answers: (bits & flags.answers) !== 0,
    yields: (bits & flags.yields) !== 0,
    loads: Array.from({ length: count }, (_, index) => {
      const at = fixedBytes + loadBytes * index
      return { peer: view.getUint32(at, true), ...loadAt(view, at + 4) }
    }),
    words: splitList('beat', payload.subarray(wordsAt), limits.maxWordBytes, limits.maxWordsBytes),
  }
}

function loadAt(view: DataView, at: number): PeerLoad {
  const busyPermille = view.getUint16(at + 2, true)
  if (busyPermille > 1000) throw badFrame(`beat: busyPermille must be at most 1000`)
  return { sessions: view.getUint16(at, true), busyPermille }
}
