import { sha256Hex } from '@shoal/model'

/** A peer has a neighbour before and one behind it on each ring. */
const ringCount = 4
/** Most peers that watch one. */
export const watchersMost = 2 * ringCount
/** Most peers of a cell in which everybody is everybody's neighbour. */
const smallCell = watchersMost + 1
/** Hexadecimal digits of a place: one SHA-256 gives a place on each of four rings. */
const placeDigits = 16

/**
 * Four orders of the members of a cell, each by a hash of their names. The peers before and behind a peer on the rings
 * watch it, and it watches them. The order follows from names, so nobody chooses its watchers (after Rapid, USENIX ATC
 * 2018).
 */
export class Rings {
  readonly #swarm: string
  readonly #places = new Map<string, readonly string[]>()
  #members: readonly string[] = []
  /** The neighbours that were asked for since the rings were drawn: every complaint is weighed by them. */
  readonly #neighbours = new Map<string, ReadonlySet<string>>()
  #rings: readonly (readonly string[])[] = []

  constructor(swarm: string) {
    this.#swarm = swarm
  }

  get members(): readonly string[] {
    return this.#members
  }

  /** Whether everybody is everybody's neighbour. */
  get isSmall(): boolean {
    return this.#members.length <= smallCell
  }

  /** Sets who is in the cell. @param members sorted */
  set(members: readonly string[]): void {
    this.#members = members
    this.#neighbours.clear()
    const present = new Set(members)
    for (const peer of this.#places.keys()) if (!present.has(peer)) this.#places.delete(peer)
    this.#rings = Array.from({ length: ringCount }, (_, ring) =>
      members.map((peer) => this.#place(peer, ring)).sort(),
    )
  }

  /** The neighbours of a peer, also of one that only observes the cell: it gets the place that it would have. */
  neighbours(peer: string): ReadonlySet<string> {
    let neighbours = this.#neighbours.get(peer)
    if (neighbours === undefined) {
      neighbours = this.#find(peer)
      this.#neighbours.set(peer, neighbours)
    }
    return neighbours
  }

  /** The neighbours on the first ring alone. */
  edges(peer: string): ReadonlySet<string> {
    return new Set(this.#members.length === 0 ? [] : this.#beside(peer, 0))
  }

  #find(peer: string): ReadonlySet<string> {
    if (this.isSmall) {
      const others = this.#members.filter((member) => member !== peer)
      if (others.length < smallCell) return new Set(others)
    }
    return new Set(this.#rings.flatMap((_, ring) => this.#beside(peer, ring)))
  }

  #beside(peer: string, ring: number): readonly string[] {
    const order = this.#rings[ring] ?? []
    const place = this.#place(peer, ring)
    const at = firstAtOrBehind(order, place)
    const behind = order[at] === place ? at + 1 : at
    return [at - 1 + order.length, behind]
      .map((index) => (order[index % order.length] ?? '').slice(placeDigits))
      .filter((neighbour) => neighbour !== peer)
  }

  /** The hash, with the name behind it so that equal hashes have an order too. */
  #place(peer: string, ring: number): string {
    let places = this.#places.get(peer)
    if (places === undefined) {
      const hash = sha256Hex(new TextEncoder().encode(`shoal-ring:${this.#swarm}:${peer}`))
      places = Array.from({ length: ringCount }, (_, index) =>
        hash.slice(index * placeDigits, (index + 1) * placeDigits),
      )
      this.#places.set(peer, places)
    }
    return `${places[ring]}${peer}`
  }
}

/** Votes of watchers that end a life: five of eight, and 60% in small cells. */
export function quorumOf(watchers: number): number {
  return Math.ceil(0.6 * watchers)
}

function firstAtOrBehind(order: readonly string[], place: string): number {
  let [low, high] = [0, order.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((order[middle] ?? '') < place) low = middle + 1
    else high = middle
  }
  return low
}
