import { swarmLimits } from '../limits.ts'

/** What asking one address came to. */
export type Answer =
  /** Nobody answers there: not up yet, or never. */
  | 'absent'
  /** A member to be that makes the swarm's manifest now. */
  | 'making'
  /** It waits to learn a manifest itself. */
  | 'waiting'
  /** Asking again changes nothing. */
  | 'useless'

export interface JoinState {
  readonly role: 'node' | 'client'
  /** Whether this peer could create the swarm. */
  readonly hasModel: boolean
  /** Of the last round, one per address; none when the only address is this peer's own. */
  readonly answers: readonly Answer[]
  /** Since the first question. */
  readonly elapsedMs: number
  /** For how long everybody who answered has been waiting. */
  readonly allWaitingMs: number
}

/**
 * What a joiner does after a round without success. Nodes that are started together come up in any order, so a node
 * waits for those that it was told of; a command that somebody waits for does not wait for who is not there. When all
 * who answer wait for a model and this node has one, it is the one they wait for. Pure.
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
    return elapsedMs < swarmLimits.notReadyTimeoutMs ? 'ask-again' : 'give-up'
  }
  const comesPerhaps = role === 'node' && answers.includes('absent')
  return comesPerhaps && elapsedMs < swarmLimits.absentTimeoutMs ? 'ask-again' : 'give-up'
}
