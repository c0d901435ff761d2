/** How a request may move past others that wait with it. */
export type RequestPlace =
  /** Changes or reads one session. It follows the requests of its lane, and is quick. */
  | { readonly kind: 'session'; readonly lane: string }
  /** Computes rows. Requests of one group may be computed in one call, if `together`; those without a lane are independent. */
  | {
      readonly kind: 'rows'
      readonly lane: string | null
      readonly group: string
      readonly together: boolean
    }
  /** Follows everything before it, and precedes everything after it. */
  | { readonly kind: 'barrier' }

/** A request that waits. */
export interface PlacedRequest {
  readonly place: RequestPlace
}

/**
 * Chooses what is answered next: a request that is quick; else the requests of one group that are the first of their lanes.
 * Groups take turns, so that the rows of a long prompt do not hold up those of another span, or those of the head.
 */
export class RequestOrder<Request extends PlacedRequest> {
  /** In the order of their arrival. */
  readonly #waiting: Request[] = []
  /** When each group that has requests had its last turn. */
  readonly #turns = new Map<string, number>()
  #turn = 0

  get size(): number {
    return this.#waiting.length
  }

  add(request: Request): void {
    this.#waiting.push(request)
  }

  /** Removes a request that has been answered. */
  remove(request: Request): void {
    const index = this.#waiting.indexOf(request)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  /** What `next` returns, if it is called now. */
  peek(): readonly Request[] {
    return this.#chosen().requests
  }

  /** @returns requests that stay in the order until they are removed: one, or several that are computed together */
  next(): readonly Request[] {
    const { group, requests } = this.#chosen()
    if (group !== null) this.#turns.set(group, (this.#turn += 1))
    return requests
  }

  #chosen(): { readonly group: string | null; readonly requests: readonly Request[] } {
    const { quick, groups } = this.#ready()
    if (quick !== null) return { group: null, requests: [quick] }
    const group = this.#longestWaiting(groups)
    const ready = groups.get(group) ?? []
    const [first] = ready
    if (first === undefined) return { group: null, requests: [] }
    return { group, requests: first.place.kind === 'rows' && first.place.together ? ready : [first] }
  }

  /** The requests that no other one holds up: a quick one, or those that compute rows, by group. */
  #ready(): { readonly quick: Request | null; readonly groups: ReadonlyMap<string, Request[]> } {
    const groups = new Map<string, Request[]>()
    const busy = new Set<string>()
    for (const [index, request] of this.#waiting.entries()) {
      const { place } = request
      if (place.kind === 'barrier') {
        if (index === 0) return { quick: request, groups }
        break
      }
      if (place.lane !== null && busy.has(place.lane)) continue
      if (place.kind === 'session') return { quick: request, groups }
      if (place.lane !== null) busy.add(place.lane)
      const ready = groups.get(place.group) ?? []
      groups.set(place.group, ready)
      ready.push(request)
    }
    return { quick: null, groups }
  }

  #longestWaiting(groups: ReadonlyMap<string, readonly Request[]>): string {
    for (const group of this.#turns.keys()) if (!groups.has(group)) this.#turns.delete(group)
    const turnOf = (group: string): number => this.#turns.get(group) ?? 0
    return [...groups.keys()].reduce(
      (best, group) => (best === '' || turnOf(group) < turnOf(best) ? group : best),
      '',
    )
  }
}
