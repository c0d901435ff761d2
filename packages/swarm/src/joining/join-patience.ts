import { swarmLimits } from '../limits.ts'

/** The outcome of asking one address. */
export type Answer =
  /** No peer answers: it is not up yet, or never will be. */
  | 'absent'
  /** The peer is making the swarm's manifest now. */
  | 'making'
  /** The peer waits to learn a manifest itself. */
  | 'waiting'
  /** Asking again would give the same answer. */
  | 'useless'

export interface JoinState {
  readonly role: 'node' | 'client'
  /** Whether this peer could create the swarm. */
  readonly hasModel: boolean
  /** Answers of the last round, one per address; empty when the only address is this peer's own. */
  readonly answers: readonly Answer[]
  /** Milliseconds since the first question. */
  readonly elapsedMs: number
  /** Milliseconds for which all answers have been `waiting`. */
  readonly allWaitingMs: number
}

/**
 * What a joiner does after a round without success. Nodes that are started together come up in any order, so a node waits
 * for addresses that do not answer; a command, which a user waits for, does not. When all peers that answer wait for a
 * model and this node has one, they wait for this node. Pure.
 */
export function nextStep({
  role,
  hasModel,
  answers,
  elapsedMs,
  allWaitingMs,
}: JoinState): 'ask-again' | 'create' | 'give-up' {
  const answered = answers.filter((answer) => answer === 'making' || answer === 'waiting')
  if (answered.length > 0 || answers.length === 0) {
    const created =
      role === 'node' &&
      hasModel &&
      !answered.includes('making') &&
      (answers.length === 0 || allWaitingMs >= swarmLimits.createAfterMs)
    if (created) return 'create'
    const timeoutMs =
      role === 'client' && !answered.includes('making')
        ? swarmLimits.clientPatienceMs
        : swarmLimits.notReadyTimeoutMs
    return elapsedMs < timeoutMs ? 'ask-again' : 'give-up'
  }
  const comesPerhaps = role === 'node' && answers.includes('absent')
  return comesPerhaps && elapsedMs < swarmLimits.absentTimeoutMs ? 'ask-again' : 'give-up'
}
