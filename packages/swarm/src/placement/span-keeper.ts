import { createSerialQueue, messageOf, ShoalError, type MemoryBudget, type Timer } from '@shoal/host'
import { unitsOfRange, type BlockRange } from '@shoal/model'
import { blocksThatFit, defaultContextTokens, type GroupOf, type Placement } from '@shoal/planner'
import type { Membership } from '@shoal/membership'
import { decide, givenUp, type Decision } from './moving/decide.ts'
import { createHeldSpans, type HeldSpansDependencies } from './held-spans.ts'
import { sameHolding, type Holding } from './holding.ts'
import { swarmLimits } from '../limits.ts'
import { chooseGapMovers } from './moving/gap-movers.ts'
import { createReleases } from './moving/releases.ts'
import { createProblems } from './problems.ts'
import { watchStall } from './moving/stalled.ts'
import type { SwarmEvent } from '../types.ts'
import type { SwarmView } from '../view/swarm-view.ts'
import { wantedBy } from './wanted.ts'

export interface SpanKeeperDependencies extends HeldSpansDependencies {
  readonly selfId: string
  readonly membership: Pick<Membership, 'announce' | 'onChange' | 'members'>
  readonly view: Pick<SwarmView, 'plan' | 'coverage' | 'costs' | 'permille'>
}

export interface SpanKeeperOptions {
  /** Exactly these blocks, whatever the plan says. */
  readonly fixed: BlockRange | null
  /** Weights and KV caches are taken from it. */
  readonly memory: MemoryBudget
  onEvent(event: SwarmEvent): void
}

/** Makes this node hold what the plan wants of it, one careful move at a time. */
export interface SpanKeeper {
  start(): void
  held(): Holding | null
  /** Resolves after the first decision has been carried out: a span is served, or the plan needs nothing of this node. */
  readonly settled: Promise<void>
  /** Rejects when a fixed span cannot be loaded: then there is nothing this node could do. */
  readonly failed: Promise<never>
  /** Ends all sessions: this incarnation is over. */
  dropSessions(): void
  /** No more moves; one that runs is given up. What is held is still served. */
  retire(): Promise<void>
  /** Retires, ends all sessions and frees every span. */
  stop(): Promise<void>
}

export function createSpanKeeper(
  dependencies: SpanKeeperDependencies,
  options: SpanKeeperOptions,
): SpanKeeper {
  const { clock, logger, membership, view, selfId } = dependencies
  const retiring = new AbortController()
  /** Of a group, this node's share. */
  const share = (group: GroupOf | undefined): number =>
    group === undefined ? 1 : (view.permille(group.speeds)?.[0] ?? 1000) / 1000
  const weightBytes = (span: Holding): number =>
    Math.ceil((span.end - span.start) * view.costs.blockBytes * share(span.group))
  const contextTokens = Math.min(defaultContextTokens, view.costs.contextLength)
  const fits = (memoryBytes: number): number => blocksThatFit(memoryBytes, view.costs, contextTokens)
  const placements = (): readonly Placement[] =>
    chooseGapMovers(view.plan().placements, membership.members(), fits)
  const releases = createReleases({
    clock,
    membership,
    placements,
    blockCount: view.costs.blockCount,
    served: () => !view.coverage().includes(0),
    selfId,
  })
  const spans = createHeldSpans(dependencies, {
    memory: options.memory,
    onChange(span) {
      const blocks = span === null ? null : ([span.start, span.end] as const)
      const ranks = span?.group === undefined ? {} : { ranks: span.group.ranks.length + 1 }
      logger.info('blocks-changed', { start: span?.start ?? null, end: span?.end ?? null, ...ranks })
      options.onEvent({ event: 'blocks-changed', blocks, ...ranks })
    },
    onLost(span) {
      // At once would only find what was lost still missing. What was a group may be held alone.
      failure = { span, untilMs: clock.nowMs() + swarmLimits.spanRetryMs }
      schedule(span.group === undefined ? swarmLimits.spanRetryMs : swarmLimits.settleMs)
    },
  })
  const problems = createProblems({ logger, membership, onEvent: (event) => options.onEvent(event) })
  const settled = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<never>()
  // Who has no fixed span does not wait for it.
  failed.promise.catch(() => undefined)
  let lastMoveMs: number | null = null
  /** A span that could not be loaded, and when to try it again. */
  let failure: { readonly span: Holding; readonly untilMs: number } | null = null
  let next: { readonly dueMs: number; readonly timer: Timer } | null = null
  const decisions = createSerialQueue()
  let endListening = (): void => undefined
  let stopped: Promise<void> | null = null

  const wanted = (): Holding | null =>
    options.fixed ??
    wantedBy(
      { placements: placements(), apart: view.plan().apart },
      selfId,
      spans.current(),
      membership.members(),
    )

  const isWanted = (span: Holding) => (): boolean => {
    const now = wanted()
    return now !== null && sameHolding(now, span)
  }

  const isLeft = (held: Holding | null): boolean =>
    held?.group !== undefined &&
    membership
      .members()
      .some(({ record }) => record.state === 'draining' && held.group?.ranks.includes(record.peerId) === true)

  const choose = (): Decision => {
    releases.look()
    const span = wanted()
    return decide({
      held: spans.current(),
      wanted: span,
      othersHolding: view.coverage(selfId),
      othersKeeping: releases.keepers(),
      bothBytes: options.memory.usedBytes() + (span === null ? 0 : weightBytes(span)),
      memoryBytes: options.memory.limitBytes,
      nowMs: clock.nowMs(),
      lastMoveMs,
      moveWindowMs: swarmLimits.moveWindowMs,
      rankLeaves: isLeft(spans.current()),
    })
  }

  const letGoFor = async (
    held: Holding,
    { span, urgent }: Extract<Decision, { action: 'swap' }>,
  ): Promise<void> => {
    // Weights that nobody has at the moment, or that do not fit on the disk, are no reason to let go.
    await dependencies.ensureUnits(unitsOfRange(span), retiring.signal)
    await releases.whenFree(givenUp(held, urgent ? span : null), isWanted(span), retiring.signal)
    const stall = watchStall(
      { clock, membership, selfId },
      givenUp({ start: 0, end: view.costs.blockCount }, held),
    )
    try {
      await spans.letGo(retiring.signal, stall.signal)
    } finally {
      stall.stop()
    }
  }

  const move = async (decision: Exclude<Decision, { action: 'stay' }>): Promise<void> => {
    const { action, span } = decision
    const stillWanted = isWanted(span)
    const lastMovedMs = lastMoveMs
    if (spans.current() !== null) lastMoveMs = clock.nowMs()
    logger.info('span-loading', {
      start: span.start,
      end: span.end,
      action,
      ...(span.group !== undefined && { with: span.group.ranks }),
    })
    try {
      const held = spans.current()
      if (span.group !== undefined) {
        // Its ranks take part when their own plan says so too.
        await releases.whenQuiet(stillWanted, retiring.signal)
      }
      if (held !== null && decision.action === 'swap') await letGoFor(held, decision)
      const before = spans.current()
      // Loading takes its time: what was true before it is asked again.
      await spans.take(span, retiring.signal, () =>
        before === null
          ? Promise.resolve()
          : releases.whenFree(givenUp(before, span), stillWanted, retiring.signal),
      )
      failure = null
      problems.solved()
    } catch (error) {
      if (retiring.signal.aborted) return
      // Nothing has moved: the window is for moves.
      lastMoveMs = lastMovedMs
      const putOff = error instanceof ShoalError && error.code === 'not-ready'
      // A rank that does not come is its own affair; what this node holds alone it goes on holding.
      if (span.group !== undefined)
        logger.warn('group-not-formed', {
          start: span.start,
          end: span.end,
          ranks: span.group.ranks,
          reason: messageOf(error),
        })
      else if (putOff)
        logger.info('move-put-off', { start: span.start, end: span.end, reason: messageOf(error) })
      else problems.loadingFailed(span, messageOf(error))
      // Nothing was loaded in vain, and nothing can be answered meanwhile.
      const soon = putOff && decision.action === 'swap' && decision.urgent
      const retryMs = soon ? swarmLimits.settleMs : swarmLimits.spanRetryMs
      failure = { span, untilMs: clock.nowMs() + retryMs }
      schedule(retryMs)
      if (options.fixed !== null && spans.current() === null) failed.reject(error)
      return
    }
    settled.resolve()
  }

  const evaluate = async (): Promise<void> => {
    if (retiring.signal.aborted) return
    const decision = choose()
    if (decision.action === 'stay') {
      logger.debug('span-kept', { reason: decision.reason })
      // Nothing else may happen until the window has passed, so nobody else would ask again.
      if (decision.againAfterMs !== undefined) schedule(decision.againAfterMs)
      // Which idle node moves depends on session counts, whose changes nobody is told of.
      if (view.coverage().includes(0)) schedule(swarmLimits.unservedLookMs)
      problems.solved()
      settled.resolve()
    } else if (
      failure !== null &&
      sameHolding(failure.span, decision.span) &&
      clock.nowMs() < failure.untilMs
    ) {
      schedule(failure.untilMs - clock.nowMs())
    } else {
      await move(decision)
    }
  }

  /** The soonest of what was asked for: an uncovered block must not wait until a window ends. */
  const schedule = (delayMs: number): void => {
    const dueMs = clock.nowMs() + delayMs
    if (retiring.signal.aborted || (next !== null && next.dueMs <= dueMs)) return
    next?.timer.cancel()
    next = {
      dueMs,
      timer: clock.after(delayMs, () => {
        next = null
        decisions
          .run(evaluate)
          .catch((error: unknown) => logger.error('span-decision-failed', { reason: messageOf(error) }))
      }),
    }
  }

  const retire = async (): Promise<void> => {
    endListening()
    next?.timer.cancel()
    next = null
    retiring.abort(new ShoalError('cancelled', 'the node is leaving'))
    await decisions.settled()
  }

  return {
    start() {
      endListening = membership.onChange(() => schedule(swarmLimits.settleMs))
      schedule(options.fixed === null ? swarmLimits.settleMs : 0)
    },
    held: () => spans.current(),
    settled: settled.promise,
    failed: failed.promise,
    dropSessions: () => spans.endSessions(),
    retire,
    stop: () => (stopped ??= retire().then(() => spans.release())),
  }
}
