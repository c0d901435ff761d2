import {
  failureCodes,
  isMovable,
  messageOf,
  randomHex,
  sleep,
  type Clock,
  type Logger,
  type Random,
} from '@shoal/host'
import type { WireFormat } from '@shoal/protocol'
import { formatProfile, type BlockRange, type IdentifiedManifest } from '@shoal/model'
import { sessionTimes, StageError, type Coordinator, type Route } from '@shoal/session'
import type { AuditDesk } from '../../audit/audit-desk.ts'
import { swarmLimits } from '../../limits.ts'
import { createReputation, type Reputation } from '../../trust/reputation.ts'
import type { SwarmView } from '../../view/swarm-view.ts'
import type { CommonPrefix } from '../prefix/prefix-memory.ts'
import { PrefixRoutes, type Prompt, type ReusableSession } from '../prefix/prefix-routes.ts'
import { StageTrials } from './stage-trials.ts'

/**
 * Opens a session over the first `end` blocks for at most `tokenBudget` positions. With a prompt, it may have the first
 * rows of that from an earlier session.
 * @param without peers that the route leaves out as far as others serve the blocks; it fails where it can leave out none
 * @throws {ShoalError} `no-route`, `no-capacity` (no room came in time, or never will), what the last stage refused with
 */
export type SessionOpener = (
  end: number,
  tokenBudget: number,
  signal: AbortSignal | undefined,
  prompt?: Prompt,
  without?: ReadonlySet<string>,
) => Promise<ReusableSession>

export interface SessionOpenerDependencies {
  readonly manifest: IdentifiedManifest
  readonly routes: Pick<SwarmView, 'find' | 'serving'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** What this peer has seen of others: stages that sent wrong rows are avoided. Empty by default. */
  readonly reputation?: Reputation | undefined
  /** Gets the receipts of all sessions, and audits some of them; without it stages sign none. */
  readonly audits?: Pick<AuditDesk, 'expect' | 'watch'> | undefined
  /** How hidden states travel; unchanged, as float32, when absent. */
  readonly wire?: WireFormat | undefined
}

/**
 * Routes tried for one session before a refusal is reported: two for each stage of the route, and at least three. Each
 * route leaves one more peer out, and in a busy swarm any of a dozen stages may be full while others have room.
 */
const routesTried = 3
const routesTriedPerStage = 2

/** Opens sessions over the best route, over others when a stage refuses, and waits for room when all are full. */
export function createSessionOpener(
  dependencies: SessionOpenerDependencies,
  coordinator: Pick<Coordinator, 'open'>,
): SessionOpener {
  const { clock, logger, reputation = createReputation(clock), wire = 'f32' } = dependencies
  const trials = trialsOf(dependencies, coordinator, reputation)
  const find = findTrusted(dependencies.routes, reputation, trials)
  const prefixes = new PrefixRoutes(dependencies.routes, reputation)
  const openAlong = openerAlong(dependencies, coordinator, { find, reputation, trials, prefixes })

  return async (end, tokenBudget, signal, ownPrompt, without) => {
    // Rounded rows depend on the cuts of their route, so that no other session may begin with them.
    const prompt = wire === 'f32' ? ownPrompt : undefined
    const range = { start: 0, end }
    const apart = await leftOut(find, range, tokenBudget, without)
    const exclude = new Set(apart)
    let untilMs = clock.nowMs() + swarmLimits.openingTimeoutMs
    /** Whether a stage had no room, but will have room when answers that are under way end. */
    let roomComes = false
    let waits = false
    const best = await find(range, exclude, tokenBudget)
    const { common, ...chosen } = await prefixes.choose(prompt, best, tokenBudget)
    let { route } = chosen
    const anyPeer = (): Promise<Route> => {
      exclude.clear()
      for (const peer of apart) exclude.add(peer)
      return find(range, exclude, tokenBudget)
    }
    /** A peer between two incarnations serves again in a moment, and so does a peer that takes over lost blocks. */
    const whenServed = async (): Promise<Route> => {
      for (;;) {
        await sleep(clock, swarmLimits.openingRetryMs, signal)
        try {
          return await anyPeer()
        } catch (error) {
          if (clock.nowMs() >= untilMs) throw error
        }
      }
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await openAlong(route, range, tokenBudget, { signal, waits, prompt, common })
      } catch (error) {
        if (!(error instanceof StageError) || !isMovable(error.code, 'opening')) throw error
        // The stage is not there now, or serves other blocks than its record said, and its blocks may be served again
        // soon. A refusal for lack of room is not a loss.
        const isLoss = isMovable(error.code, 'running') || error.code === 'wrong-range'
        if (waits && !isLoss) throw error
        // The wait for room does not count against the time in which a lost stage may come back.
        if (waits) untilMs = Math.max(untilMs, clock.nowMs() + swarmLimits.openingRetryMs)
        const lost = isLoss && clock.nowMs() < untilMs
        roomComes ||= error.code === 'no-capacity' && !error.definite
        logger.info('route-refused', { peer: error.peer, attempt, code: error.code, reason: error.message })
        noteFault(reputation, error)
        exclude.add(error.peer)
        const triesLeft = attempt < Math.max(routesTried, route.length * routesTriedPerStage)
        const other = triesLeft || lost ? await find(range, exclude, tokenBudget).catch(() => null) : null
        if (other !== null) route = other
        else if (lost) route = await whenServed()
        else if (roomComes && !waits) {
          waits = true
          route = await anyPeer().catch(() => route)
        } else throw error
      }
    }
  }
}

/** Those of some peers that a route can leave out together, one after the other. @throws {ShoalError} `no-route` for none of them */
async function leftOut(
  find: SwarmView['find'],
  range: BlockRange,
  tokenBudget: number,
  without: ReadonlySet<string> = new Set(),
): Promise<ReadonlySet<string>> {
  let apart = new Set<string>()
  let reason: unknown
  for (const peer of without) {
    const more = new Set([...apart, peer])
    try {
      await find(range, more, tokenBudget)
      apart = more
    } catch (error) {
      reason = error
    }
  }
  if (apart.size === 0 && reason !== undefined) throw reason
  return apart
}

/** Trials of newcomers, whose failures count like those of stages in use. */
function trialsOf(
  dependencies: SessionOpenerDependencies,
  coordinator: Pick<Coordinator, 'open'>,
  reputation: Reputation,
): StageTrials {
  const failed = (error: unknown): void => {
    dependencies.logger.info('stage-trial-failed', { reason: messageOf(error) })
    if (error instanceof StageError) noteFault(reputation, error)
  }
  return new StageTrials({ ...dependencies, failed }, coordinator)
}

/** Opens one session along one route. */
function openerAlong(
  { manifest, random, audits: desk, wire = 'f32' }: SessionOpenerDependencies,
  coordinator: Pick<Coordinator, 'open'>,
  parts: {
    readonly find: SwarmView['find']
    readonly reputation: Reputation
    readonly trials: StageTrials
    readonly prefixes: PrefixRoutes
  },
) {
  const { find, reputation, trials, prefixes } = parts
  const { config, profile } = manifest.manifest
  // A repetition over another route would have other rows.
  const audits = wire === 'f32' ? desk : undefined
  return async (
    route: Route,
    range: BlockRange,
    tokenBudget: number,
    options: {
      signal: AbortSignal | undefined
      waits: boolean
      prompt: Prompt | undefined
      common: CommonPrefix | null
    },
  ): Promise<ReusableSession> => {
    const { prompt, common } = options
    const prefix = await prefixes.prefix(prompt, common, route)
    const id = randomHex(random, 16)
    audits?.expect(id)
    const session = await coordinator.open({
      session: id,
      manifestId: manifest.id,
      profile: formatProfile(profile),
      hiddenSize: config.hiddenSize,
      route,
      routes: { find: (lost, without, wish) => find(lost, without, tokenBudget, wish) },
      onStageLost: (error) => noteFault(reputation, error),
      onServed: (served) => trials.served(served),
      range,
      tokenBudget,
      ...(prefix !== undefined && { prefix }),
      keep: prompt !== undefined,
      wire,
      ...(options.waits && { waitForRoomMs: sessionTimes.roomWaitMs }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(audits !== undefined && { receipts: true }),
    })
    const watched = audits?.watch(id, session) ?? session
    return prompt === undefined ? watched : prefixes.opened(id, prompt.owner, watched, prefix)
  }
}

/** Notes what the loss of a stage says about its peer. A peer that is only gone has done nothing wrong. */
function noteFault(reputation: Reputation, { code, peer }: StageError): void {
  if (failureCodes[code].fault === 'peer') reputation.saw(peer, 'wrong-rows')
  if (code === 'deadline-passed') reputation.saw(peer, 'silence')
}

/**
 * Finds routes over peers that have proven themselves. A peer that lately sent unusable rows or no answer is on a route
 * only when nobody else has the blocks, and so is a newcomer, which has computed nothing for this peer yet. A newcomer
 * that would make the route better gets a trial meanwhile.
 */
function findTrusted(
  routes: Pick<SwarmView, 'find' | 'serving'>,
  reputation: Reputation,
  trials: StageTrials,
): SwarmView['find'] {
  return async (range, exclude, ...rest) => {
    const avoided = new Set([...exclude, ...reputation.avoidedStages()])
    const best =
      avoided.size === exclude.size
        ? await routes.find(range, exclude, ...rest)
        : await routes.find(range, avoided, ...rest).catch(() => routes.find(range, exclude, ...rest))
    const untried = best.filter(({ peer }) => !trials.hasServed(peer))
    if (untried.length === 0) return best
    const newcomers = routes.serving().filter((peer) => !trials.hasServed(peer))
    const served = await routes.find(range, new Set([...avoided, ...newcomers]), ...rest).catch(() => null)
    if (served === null) return best
    for (const stage of untried) trials.begin(stage)
    return served
  }
}
