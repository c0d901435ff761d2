import type { Progress, ShownAnswer, SwarmStatus } from '@shoal/swarm'
import { pageLimits } from '../limits.ts'
import { happeningsBetween, routeHappenings, type Happening } from './happenings.ts'

/** What the page knows of the swarm: the newest of each part, and what has changed since the page was opened. */
export interface SwarmState {
  readonly status: SwarmStatus | null
  /** Null when the model is loaded. */
  readonly progress: {
    readonly activity: string
    readonly doneBytes: number
    readonly totalBytes: number
  } | null
  readonly answers: readonly ShownAnswer[]
  /** The route of the last answer, shown while none runs. */
  readonly lastRoute: ShownAnswer['route']
  /** The newest last. */
  readonly happenings: readonly Happening[]
  /** Peers that a route has lost, until the members know it or hear of them again, and when that was. */
  readonly lostOnRoute: ReadonlyMap<string, number>
  /** Tokens of the answers that run, over time, for the rate. */
  readonly pace: readonly { readonly atMs: number; readonly tokens: number }[]
  /** Tokens of answers that have ended. */
  readonly endedTokens: number
}

export const emptySwarm: SwarmState = {
  status: null,
  progress: null,
  answers: [],
  lastRoute: [],
  happenings: [],
  lostOnRoute: new Map(),
  pace: [],
  endedTokens: 0,
}

/** A part of `GET /swarm/events`, by its name. */
export type SwarmPart =
  | { readonly name: 'status'; readonly value: SwarmStatus | null }
  | { readonly name: 'progress'; readonly value: Progress | null }
  | { readonly name: 'answers'; readonly value: readonly ShownAnswer[] }

/** Seconds over which the rate of tokens is taken. */
const paceMs = 4_000

export function observe(
  state: SwarmState,
  part: SwarmPart,
  time: { nowMs: number; wallMs: number },
): SwarmState {
  switch (part.name) {
    case 'progress':
      return { ...state, progress: part.value }
    case 'status':
      return withHappenings(
        { ...state, status: part.value, lostOnRoute: stillLost(state, part.value, time.nowMs) },
        happeningsBetween(state.status, part.value, time.wallMs),
      )
    case 'answers':
      return withAnswers(state, part.value, time)
  }
}

function withAnswers(
  state: SwarmState,
  answers: readonly ShownAnswer[],
  { nowMs, wallMs }: { nowMs: number; wallMs: number },
): SwarmState {
  const running = new Set(answers.map(({ id }) => id))
  const ended = state.answers
    .filter(({ id }) => !running.has(id))
    .reduce((sum, { tokens }) => sum + tokens, 0)
  const endedTokens = state.endedTokens + ended
  const tokens = endedTokens + answers.reduce((sum, answer) => sum + answer.tokens, 0)
  const pace = [...state.pace.filter(({ atMs }) => atMs > nowMs - paceMs), { atMs: nowMs, tokens }]
  const { happenings, lost } = routeHappenings(state.answers, answers, wallMs)
  const lostOnRoute = new Map([...state.lostOnRoute, ...lost.map((peer) => [peer, nowMs] as const)])
  // A route that is passed again has found its peers.
  for (const { route } of answers) for (const { peer } of route) lostOnRoute.delete(peer)
  return withHappenings(
    {
      ...state,
      answers,
      endedTokens,
      pace,
      lostOnRoute,
      lastRoute: answers.at(-1)?.route ?? state.lastRoute,
    },
    happenings,
  )
}

function withHappenings(state: SwarmState, added: readonly Happening[]): SwarmState {
  if (added.length === 0) return state
  return { ...state, happenings: [...state.happenings, ...added].slice(-pageLimits.happeningsMax) }
}

/** Members find a loss out later than the route that needed the peer: until then, the route's word counts. */
function stillLost(
  state: SwarmState,
  status: SwarmStatus | null,
  nowMs: number,
): ReadonlyMap<string, number> {
  const doubted = new Set(
    status?.peers.filter(({ liveness }) => liveness !== 'alive').map(({ peer }) => peer),
  )
  return new Map(
    [...state.lostOnRoute].filter(
      ([peer, atMs]) => !doubted.has(peer) && nowMs - atMs < pageLimits.streamSilenceMs,
    ),
  )
}

/** Tokens per second of all answers over the last seconds. */
export function tokensPerSecond({ pace, answers }: SwarmState, nowMs: number): number {
  const recent = pace.filter(({ atMs }) => atMs > nowMs - paceMs)
  const [first, last] = [recent[0], recent.at(-1)]
  if (answers.length === 0 || first === undefined || last === undefined || last.atMs - first.atMs < 200)
    return 0
  return ((last.tokens - first.tokens) * 1000) / (last.atMs - first.atMs)
}
