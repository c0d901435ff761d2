import type { MemberRecord } from '../records/record.ts'

/**
 * Decides which peers pass a beat on to which, by the links in their records: a full mesh repeats nothing, and a
 * sparse one little.
 */
export interface Relays {
  /** Whether both announce a link with each other: what one of them sends to all its neighbours, the other receives. */
  near(a: string, b: string): boolean
  /** Selects, among this peer's neighbours `others`, those that do not receive an owner's beats directly. */
  share(owner: string, beat: number, others: readonly string[]): RelayShare
}

export interface RelayShare {
  /** No peer is known to have links with both the owner and these: the beat goes to some of them at random. */
  readonly unserved: readonly string[]
  /** This peer is appointed to pass the beat on to these. */
  readonly appointed: readonly string[]
}

/** The first beats of a life are passed on by two relays each, so that a newcomer is soon alive for all. */
const youngBeats = 3
/**
 * Of the later beats every second one is passed on, by one relay. Without the two pauses, a lease in `lan` leaves four
 * seconds, in which two relayed beats arrive. A peer that misses a beat gets the next one from another relay; a peer that misses all of
 * them dials the owner, and the new channel begins with a beat.
 */
const relayEvery = 2

/**
 * Among the peers that have links with both an owner and one of its non-neighbours, one is appointed to pass the owner's
 * beat on. Rendezvous hashing (Thaler and Ravishankar, 1996) over the names and the beat's number appoints a different
 * relay each time, without any messages. Peers that hold different records may disagree: a beat then comes twice, or not.
 */
export function createRelays(self: string, recordOf: (peer: string) => MemberRecord | undefined): Relays {
  const hashes = new Map<string, number>()
  const hashOf = (peer: string): number => {
    const known = hashes.get(peer)
    if (known !== undefined) return known
    // Other peers choose the names, so the cache is bounded: it is emptied when it is full.
    if (hashes.size > 8192) hashes.clear()
    let hash = 0x811c9dc5
    for (let at = 0; at < peer.length; at += 1) hash = Math.imul(hash ^ peer.charCodeAt(at), 0x01000193)
    hashes.set(peer, hash)
    return hash
  }
  const says = (a: string, b: string): boolean => Object.hasOwn(recordOf(a)?.links ?? {}, b)
  const near = (a: string, b: string): boolean => says(a, b) && says(b, a)

  return {
    near,
    share(owner, beat, others) {
      const nearOwner = Object.keys(recordOf(owner)?.links ?? {}).filter((peer) => says(peer, owner))
      const young = beat <= youngBeats
      const due = young || beat % relayEvery === 0
      const unserved: string[] = []
      const appointed: string[] = []
      for (const other of others) {
        if (nearOwner.includes(other)) continue
        const between = nearOwner.filter((peer) => near(peer, other))
        if (between.length === 0) unserved.push(other)
        else if (
          due &&
          between.includes(self) &&
          rankOf(
            between,
            hashOf(self),
            mix(hashOf(owner) ^ Math.imul(hashOf(other), 0x9e3779b1) ^ beat),
            hashOf,
          ) < (young ? 2 : 1)
        )
          appointed.push(other)
      }
      return { unserved, appointed }
    },
  }
}

/** How many of these peers have a higher weight than the peer with this hash. */
function rankOf(
  peers: readonly string[],
  own: number,
  salt: number,
  hashOf: (peer: string) => number,
): number {
  const weight = mix(own ^ salt)
  return peers.reduce((rank, peer) => rank + (mix(hashOf(peer) ^ salt) > weight ? 1 : 0), 0)
}

/** Finaliser of MurmurHash3. */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
