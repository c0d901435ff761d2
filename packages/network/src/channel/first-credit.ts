import { protocols } from '@shoal/protocol'
import { limits } from '../limits.ts'

/** Credits of a channel's two directions at its start, as both sides know them from the protocol. */
export interface FirstCredit {
  readonly incomingBytes: number
  readonly outgoingBytes: number
}

/**
 * What the peer that opens a channel may send before anything here has said that it may send more (`Channel.widen`).
 * Whoever is asked for something pays for the asking, so this is small; what the opener gets back is its own affair.
 */
const openersFirstBytes: Readonly<Record<string, number>> = {
  // One hello: a header of at most 64 KiB.
  [protocols.hello]: limits.firstCreditBytes,
  // Two largest `open`s, or some seventy of usual size. A stage that has opened a session widens the channel.
  [protocols.session]: 2 * limits.firstCreditBytes,
  // Some fifty requests: a fetcher has at most eight under way.
  [protocols.blobs]: limits.firstCreditBytes,
  // A chunk of a prompt's hidden states at the usual size, or some hundred rows of one token.
  [protocols.vocabulary]: 16 * limits.firstCreditBytes,
  // Echoes of 128 KiB, by which a leader measures a link. A rank that joins a group widens the channel.
  [protocols.group]: 4 * limits.firstCreditBytes,
  // One question.
  [protocols.direct]: limits.firstCreditBytes,
  // One question.
  [protocols.dialBack]: limits.firstCreditBytes,
  // Evidence and its answer, some KiB each.
  [protocols.audit]: 2 * limits.firstCreditBytes,
  // An offer of some 300 bytes, and the word to begin.
  [protocols.punch]: limits.firstCreditBytes,
  // All acts of the admins in one frame: 1,024 of at most 512 bytes.
  [protocols.charter]: 6 * limits.firstCreditBytes,
  // Two frames of some 100 bytes.
  [protocols.pair]: limits.firstCreditBytes,
  // Words in frames of 64 KiB, several under way; beats.
  [protocols.members]: 8 * limits.firstCreditBytes,
}

export function firstCredit(protocol: string, side: 'opener' | 'acceptor'): FirstCredit {
  const openers = openersFirstBytes[protocol] ?? limits.channelCreditBytes
  return side === 'opener'
    ? { incomingBytes: limits.channelCreditBytes, outgoingBytes: openers }
    : { incomingBytes: openers, outgoingBytes: limits.channelCreditBytes }
}

/** Of a channel that two parts of one program have arranged between themselves. */
export const wholeCredit: FirstCredit = {
  incomingBytes: limits.channelCreditBytes,
  outgoingBytes: limits.channelCreditBytes,
}
