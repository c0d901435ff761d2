import type { ErrorCode } from '@shoal/host'
import type { OpenSession } from '@shoal/protocol'
import type { BlockRunner, RunnerMemory } from '@shoal/runtime'
import { sessionLimits } from '../../route/limits.ts'
import type { Standing } from './shares.ts'
import { nameBlocks } from '../../route/stage-error.ts'

/** What a node serves now, and how full it is. */
export interface StageOffer {
  readonly manifestId: string
  readonly profile: string
  readonly runners: readonly BlockRunner[]
  readonly draining: boolean
  readonly sessions: number
  readonly sessionsOfPeer: number
  readonly sessionsOfStrangers: number
  /** Standing of the peer that asks. */
  readonly standing: Standing
}

export type Admission =
  | { readonly kind: 'admitted'; readonly runner: BlockRunner }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }

const refused = (code: ErrorCode, message: string): Admission => ({ kind: 'refused', code, message })

/** Whether a session may be opened here. Every refusal is definite and names both sides. */
export function admit(offer: StageOffer, request: OpenSession): Admission {
  if (request.manifest !== offer.manifestId) {
    return refused(
      'wrong-manifest',
      `the session is of manifest ${request.manifest} (${request.profile}), this node serves ${offer.manifestId} (${offer.profile})`,
    )
  }
  if (request.profile !== offer.profile) {
    return refused(
      'wrong-profile',
      `the session's numeric profile is ${request.profile}, this node's is ${offer.profile}`,
    )
  }
  if (offer.draining) return refused('not-ready', 'this node is leaving and takes no new sessions')

  // The request may name any part of a span: a route may enter or leave it where another peer's span ends.
  const runner = offer.runners.find(({ range }) => range.start <= request.start && request.end <= range.end)
  if (runner === undefined) {
    const held =
      offer.runners.length === 0
        ? 'no blocks'
        : offer.runners.map(({ range }) => nameBlocks(range)).join(' and ')
    return refused('wrong-range', `the session wants ${nameBlocks(request)}, this node holds ${held}`)
  }
  if (request.tokenBudget > sessionLimits.maxTokenBudget) {
    return refused(
      'limit-exceeded',
      `a token budget of ${request.tokenBudget} is over the limit of ${sessionLimits.maxTokenBudget}`,
    )
  }
  const stranger = offer.standing === 'stranger'
  const most = stranger ? sessionLimits.maxSessionsPerStranger : sessionLimits.maxSessionsPerPeer
  if (offer.sessionsOfPeer >= most) {
    return refused(
      'no-capacity',
      `${offer.sessionsOfPeer} sessions of yours are open here, the limit is ${most}`,
    )
  }
  if (stranger && offer.sessionsOfStrangers >= sessionLimits.maxSessionsOfStrangers)
    return refused(
      'no-capacity',
      'the remaining places for sessions at this node are reserved for members of the swarm',
    )
  if (offer.sessions >= sessionLimits.maxSessions)
    return refused(
      'no-capacity',
      `${offer.sessions} sessions are open here, the limit is ${sessionLimits.maxSessions}`,
    )
  return { kind: 'admitted', runner }
}

/** Memory that was promised to stages of a runner. */
export interface Promised {
  /** Bytes that their journals may grow to. */
  readonly journalBytes: number
  /** Sum of token budget × blocks: what KV caches grow with. */
  readonly cells: number
}

/**
 * Whether a session whose KV cache the runner has accepted fits with its journal. Journals share the runner's memory
 * limit with weights and KV caches.
 * @param promised to every session of this runner, the new one included
 * @returns null when it fits, else the sentence for the refusal
 */
export function overMemory(memory: RunnerMemory, promised: Pick<Promised, 'journalBytes'>): string | null {
  const neededBytes =
    memory.weightBytes + Math.max(memory.keyValueBytes, memory.reservedBytes) + promised.journalBytes
  if (neededBytes <= memory.limitBytes) return null
  return `with this session, weights, KV caches and journals would need ${mebibytes(neededBytes)}, the limit is ${mebibytes(memory.limitBytes)}`
}

/**
 * Whether a session that has no room now would have it if the other sessions ended.
 * @param memory of the runner, while this stage is not open
 * @param open stages of this runner that are open, those of the session itself included
 * @param own stages of the session at this runner, this one included
 */
export function roomWillCome(memory: RunnerMemory, open: Promised, own: Promised): boolean {
  // Without an open stage the bytes of a cell are not known: then other spans of this node hold the memory.
  const cellBytes = open.cells === 0 ? 0 : memory.reservedBytes / open.cells
  return memory.weightBytes + cellBytes * own.cells + own.journalBytes <= memory.limitBytes
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`
