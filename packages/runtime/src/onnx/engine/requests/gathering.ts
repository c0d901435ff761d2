/** Rows of a usual call from which it is worth waiting for others. */
const usualRowsMin = 4
/** Calls of which the largest is usual. */
const callsKnown = 4
/** A call that has this part of the usual rows begins. */
const enough = 0.75
/** Rows of one call of the stage before come as frames of their own, a millisecond apart. When none has come for so long, the rest is not coming. */
const quietMs = 3
/** Longest wait of one call: a fraction of what it takes, and of what a further call for the rest would. */
const holdMsMax = 10

/** Groups are parts of spans, of which few are in use at a time. */
const groupsMax = 64

interface Arrivals {
  /** Rows of the latest calls. */
  readonly calls: number[]
  lastMs: number
  /** Since when a call could have begun; null when none waits. */
  heldSinceMs: number | null
}

/**
 * Lets a call wait for rows that are on their way (docs/batching.md). The answers that one call of the stage before has computed
 * arrive one after the other. A call that begins with the first of them takes a third of the time of a call with eight,
 * and all others wait for it. One answer alone never waits, nor do two or three.
 */
export class Gathering {
  readonly #groups = new Map<string, Arrivals>()

  /** A row has arrived. @param group of requests that may share a call */
  arrived(group: string, nowMs: number): void {
    this.#group(group).lastMs = nowMs
  }

  /** @param rows that wait for the next call @returns how long it should wait for more; 0 when it should begin */
  holdMs(group: string, rows: number, nowMs: number): number {
    const arrivals = this.#group(group)
    const usual = Math.max(0, ...arrivals.calls)
    if (usual < usualRowsMin || rows >= enough * usual) return 0
    arrivals.heldSinceMs ??= nowMs
    return Math.max(0, Math.min(arrivals.lastMs + quietMs, arrivals.heldSinceMs + holdMsMax) - nowMs)
  }

  /** A call begins. */
  began(group: string, rows: number): void {
    const arrivals = this.#group(group)
    arrivals.heldSinceMs = null
    arrivals.calls.push(rows)
    if (arrivals.calls.length > callsKnown) arrivals.calls.shift()
  }

  #group(name: string): Arrivals {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const created: Arrivals = { calls: [], lastMs: Number.NEGATIVE_INFINITY, heldSinceMs: null }
    this.#groups.set(name, created)
    // The oldest one is forgotten, and learned again if it is still in use.
    for (const other of this.#groups.keys()) {
      if (this.#groups.size <= groupsMax) break
      this.#groups.delete(other)
    }
    return created
  }
}
