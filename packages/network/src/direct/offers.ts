import { randomHex, ShoalError, type Clock, type Random, type Timer } from '@shoal/host'
import { limits } from '../limits.ts'

/** What an authenticated peer may connect with, once: told to it over its encrypted connection, and to nobody else. */
export interface Offer {
  readonly peer: string
  readonly protocol: string
  readonly identity: string
  readonly key: Uint8Array
}

export interface Offers {
  /** @throws {ShoalError} `no-capacity` */
  make(peer: string, protocol: string): Offer
  keyOf(identity: string): Uint8Array | null
  /** The offer, which is over then; null when it is not there or was taken. */
  take(identity: string): Offer | null
  /** Those to a peer are over. */
  withdraw(peer: string): void
  close(): void
}

/** Offers that wait for their peer to connect. @param random unpredictable, for keys */
export function createOffers(clock: Clock, random: Random): Offers {
  const waiting = new Map<string, { readonly offer: Offer; readonly timer: Timer }>()
  const take = (identity: string): Offer | null => {
    const found = waiting.get(identity)
    if (found === undefined) return null
    found.timer.cancel()
    waiting.delete(identity)
    return found.offer
  }
  return {
    make(peer, protocol) {
      const ofPeer = [...waiting.values()].filter(({ offer }) => offer.peer === peer).length
      if (ofPeer >= limits.directOffersPerPeer)
        throw new ShoalError('no-capacity', `${ofPeer} offers of a direct channel wait already`)
      const identity = randomHex(random, 16)
      const offer = { peer, protocol, identity, key: random.bytes(limits.directKeyBytes) }
      waiting.set(identity, {
        offer,
        timer: clock.after(limits.directOfferMs, () => waiting.delete(identity), { background: true }),
      })
      return offer
    },
    keyOf: (identity) => waiting.get(identity)?.offer.key ?? null,
    take,
    withdraw(peer) {
      for (const [identity, { offer }] of waiting) if (offer.peer === peer) take(identity)
    },
    close() {
      for (const identity of waiting.keys()) take(identity)
    },
  }
}
