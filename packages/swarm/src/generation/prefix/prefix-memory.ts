import { swarmLimits } from '../../limits.ts'

/** A stage that computed an earlier session. */
export interface PrefixHolder {
  readonly peer: string
  readonly start: number
  readonly end: number
}

/** An earlier session, whose rows its stages may still have. */
export interface EarlierSession {
  readonly session: string
  /** Whose it was. */
  readonly owner: string
  /** Tokens of its first positions. */
  readonly ids: Int32Array
  readonly holders: readonly PrefixHolder[]
}

/** What a prompt has in common with an earlier session. */
export interface CommonPrefix {
  readonly session: string
  readonly length: number
  readonly holders: readonly PrefixHolder[]
}

/** The tokens of earlier sessions of this coordinator. They stay here: stages are told the session and a length only. */
export class PrefixMemory {
  /** What was used longest ago comes first. */
  readonly #sessions = new Map<string, EarlierSession>()
  #tokens = 0

  /**
   * The earlier session of the same owner that has most in common with a prompt; the latest of several.
   * @returns null when that is too little, or all of the prompt's rows would have to be computed anyway
   */
  find(promptIds: readonly number[], owner: string): CommonPrefix | null {
    // The last row is computed in any case: the first token is drawn from it.
    const most = promptIds.length - 1
    let best: CommonPrefix | null = null
    for (const { session, ids, holders, owner: owned } of this.#sessions.values()) {
      if (owned !== owner) continue
      const length = commonLength(ids, promptIds, most)
      if (length >= Math.max(swarmLimits.prefixPositionsMin, best?.length ?? 0))
        best = { session, length, holders }
    }
    if (best !== null) this.#use(best.session)
    return best
  }

  /** Remembers a session, in place of what was known of it. */
  remember(session: string, owner: string, ids: readonly number[], holders: readonly PrefixHolder[]): void {
    this.forget(session)
    if (ids.length < swarmLimits.prefixPositionsMin) return
    this.#sessions.set(session, { session, owner, ids: Int32Array.from(ids), holders })
    this.#tokens += ids.length
    for (const [oldest] of this.#sessions) {
      if (this.#sessions.size <= swarmLimits.prefixSessions && this.#tokens <= swarmLimits.prefixTokens)
        return
      this.forget(oldest)
    }
  }

  #use(session: string): void {
    const known = this.#sessions.get(session)
    if (known === undefined) return
    this.#sessions.delete(session)
    this.#sessions.set(session, known)
  }

  forget(session: string): void {
    const known = this.#sessions.get(session)
    if (known === undefined) return
    this.#sessions.delete(session)
    this.#tokens -= known.ids.length
  }
}

function commonLength(ids: Int32Array, promptIds: readonly number[], most: number): number {
  const end = Math.min(ids.length, most)
  let length = 0
  while (length < end && ids[length] === promptIds[length]) length += 1
  return length
}
