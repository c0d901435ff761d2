import type { SealedRecord } from '../records/seal.ts'

/** Who passes on to whom, by what records say of links: so that a full mesh repeats nothing, and a sparse one little. */
export interface Relays {
  /** Whether both say that they have a link: what one of them sends to all, the other hears. */
  near(a: string, b: string): boolean
  /** Splits neighbours that do not hear an owner themselves. */
  share(owner: string, beat: number, others: readonly string[]): RelayShare
}

export interface RelayShare {
  /** Nobody else is known to reach them: they get a random flood. */
  readonly unserved: readonly string[]
  /** This peer is the one to serve them. */
  readonly appointed: readonly string[]
}

/** First beats of a life are passed on by two peers each: nobody is to wait for a newcomer. */
const youngBeats = 3
/**
 * Later ones by one peer, every second beat: of the lease of three beats and two pauses that leaves four seconds in
 * `lan`, and who misses one beat gets the next from another. Who misses all of them dials the owner, which is a repair.
 */
const relayEvery = 2

/**
 * Of the peers that have a link with both, one serves a neighbour of its own with the beats of an owner far from it:
 * chosen by rendezvous hashing (Thaler and Ravishankar, 1996) over names and the beat's number, so it is another one
 * each time, and nobody has to be asked. Peers with different records may both do it, or neither, once.
 */
export function createRelays(self: string, recordOf: (peer: string) => SealedRecord | undefined): Relays {
  const hashes = new Map<string, number>()
  const hashOf = (peer: string): number => {
    const known = hashes.get(peer)
    if (known !== undefined) return known
    // Names are the strangers' choice: bounded by starting over.
    if (hashes.size > 8192) hashes.clear()
    let hash = 0x811c9dc5
    for (let at = 0; at < peer.length; at += 1) hash = Math.imul(hash ^ peer.charCodeAt(at), 0x01000193)
    hashes.set(peer, hash)
    return hash
  }
  const says = (a: string, b: string): boolean => Object.hasOwn(recordOf(a)?.record.links ?? {}, b)
  const near = (a: string, b: string): boolean => says(a, b) && says(b, a)

  return {
    near,
    share(owner, beat, others) {
      const nearOwner = Object.keys(recordOf(owner)?.record.links ?? {}).filter((peer) => says(peer, owner))
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

/** How many of these come before the one with this hash. */
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
