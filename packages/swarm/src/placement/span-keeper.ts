import { createSerialQueue, messageOf, ShoalError, type MemoryBudget } from '@shoal/host'
import { unitsOfRange, type BlockRange } from '@shoal/model'
import type { Membership } from '@shoal/membership'
import { decide, givenUp, type Decision } from './moving/decide.ts'
import { DecisionTimer } from './moving/decision-timer.ts'
import { createHeldSpans, type HeldSpans, type HeldSpansDependencies } from './held-spans.ts'
import { createLosses, type Losses } from './held/losses.ts'
import { sameHolding, type Holding } from './holding.ts'
import { swarmLimits } from '../limits.ts'
import { createReleases, type Releases } from './moving/releases.ts'
import { Wishes } from './moving/wishes.ts'
import { createProblems, type Problems } from './problems.ts'
import { watchStall } from './moving/stalled.ts'
import type { SwarmEvent } from '../types.ts'
import type { SwarmView } from '../view/swarm-view.ts'

export interface SpanKeeperDependencies extends HeldSpansDependencies {
  readonly selfId: string
  readonly membership: Pick<Membership, 'announce' | 'onChange' | 'members'>
  readonly view: Pick<SwarmView, 'plan' | 'coverage' | 'costs' | 'permille'>
}

export interface SpanKeeperOptions {
  /** Exactly these blocks, whatever the plan says. */
  readonly fixed: BlockRange | null
  /** What makes this node slow, as a sentence for others. */
  readonly slow?: string | undefined
  /** Budget for weights and KV caches. */
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
  /** Tells others what this machine lacks, as a sentence; empty when it lacks nothing any more. */
  machineLacks(lack: string): void
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
  return new PlannedSpanKeeper(dependencies, options)
}

type Move = Exclude<Decision, { action: 'stay' }>

class PlannedSpanKeeper implements SpanKeeper {
  readonly #dependencies: SpanKeeperDependencies
  readonly #options: SpanKeeperOptions
  readonly #spans: HeldSpans
  readonly #wishes: Wishes
  readonly #releases: Releases
  readonly #problems: Problems
  readonly #losses: Losses
  readonly #timer: DecisionTimer
  readonly #decisions = createSerialQueue()
  readonly #retiring = new AbortController()
  readonly #settled = Promise.withResolvers<void>()
  readonly #failed = Promise.withResolvers<never>()
  #lastMoveMs: number | null = null
  /** A span that could not be loaded, and when to try it again. */
  #failure: { readonly span: Holding; readonly untilMs: number } | null = null
  #endListening = (): void => undefined
  #stopped: Promise<void> | null = null

  constructor(dependencies: SpanKeeperDependencies, options: SpanKeeperOptions) {
    const { clock, logger, membership, view, selfId } = dependencies
    this.#dependencies = dependencies
    this.#options = options
    this.#spans = createHeldSpans(dependencies, {
      memory: options.memory,
      onChange: (span) => this.#tellOf(span),
      onLost: (span, reason) => this.#lost(span, reason),
    })
    const held = (): Holding | null => this.#spans.current()
    this.#wishes = new Wishes({ selfId, membership, view, held, fixed: options.fixed })
    this.#releases = createReleases({
      clock,
      membership,
      placements: () => this.#wishes.placements(),
      blockCount: view.costs.blockCount,
      served: () => !view.coverage().includes(0),
      selfId,
    })
    this.#problems = createProblems({ logger, membership, onEvent: (event) => options.onEvent(event) })
    this.#losses = createLosses(clock)
    this.#timer = new DecisionTimer(clock, () => this.#decideNow())
    // A node without fixed blocks does not wait for this promise.
    this.#failed.promise.catch(() => undefined)
  }

  get settled(): Promise<void> {
    return this.#settled.promise
  }

  get failed(): Promise<never> {
    return this.#failed.promise
  }

  start(): void {
    const { membership } = this.#dependencies
    if (this.#options.slow !== undefined) this.#problems.slow(this.#options.slow)
    this.#endListening = membership.onChange(() => this.#timer.schedule(swarmLimits.settleMs))
    this.#timer.schedule(this.#options.fixed === null ? swarmLimits.settleMs : 0)
  }

  held(): Holding | null {
    return this.#spans.current()
  }

  machineLacks(lack: string): void {
    this.#problems.machine(lack)
  }

  dropSessions(): void {
    this.#spans.endSessions()
  }

  async retire(): Promise<void> {
    this.#endListening()
    this.#timer.stop()
    this.#retiring.abort(new ShoalError('cancelled', 'the node is leaving'))
    await this.#decisions.settled()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.retire().then(() => this.#spans.release())
    return this.#stopped
  }

  #tellOf(span: Holding | null): void {
    const blocks = span === null ? null : ([span.start, span.end] as const)
    const ranks = span?.group === undefined ? {} : { ranks: span.group.ranks.length + 1 }
    this.#dependencies.logger.info('blocks-changed', {
      start: span?.start ?? null,
      end: span?.end ?? null,
      ...ranks,
    })
    this.#options.onEvent({ event: 'blocks-changed', blocks, ...ranks })
  }

  /** The blocks of a lost group may be held alone. */
  #lost(span: Holding, reason: unknown): void {
    this.#putOff(span, this.#losses.retryMs(reason))
    if (span.group !== undefined) this.#timer.schedule(swarmLimits.settleMs)
    this.#problems.lost(span, reason)
  }

  #putOff(span: Holding, retryMs: number): void {
    this.#failure = { span, untilMs: this.#dependencies.clock.nowMs() + retryMs }
    this.#timer.schedule(retryMs)
  }

  #decideNow(): void {
    const { logger } = this.#dependencies
    this.#decisions
      .run(() => this.#evaluate())
      .catch((error: unknown) => logger.error('span-decision-failed', { reason: messageOf(error) }))
  }

  async #evaluate(): Promise<void> {
    const { clock, logger, view } = this.#dependencies
    if (this.#retiring.signal.aborted) return
    const decision = this.#choose()
    const failure = this.#failure
    if (decision.action === 'stay') {
      logger.debug('span-kept', { reason: decision.reason })
      // No event ends the wait for the end of the move window.
      if (decision.againAfterMs !== undefined) this.#timer.schedule(decision.againAfterMs)
      // Which idle node moves depends on session counts, whose changes cause no event.
      if (view.coverage().includes(0)) this.#timer.schedule(swarmLimits.unservedLookMs)
      this.#problems.solved()
      this.#settled.resolve()
    } else if (
      failure !== null &&
      sameHolding(failure.span, decision.span) &&
      clock.nowMs() < failure.untilMs
    ) {
      this.#timer.schedule(failure.untilMs - clock.nowMs())
    } else {
      await this.#move(decision)
    }
  }

  #choose(): Decision {
    const { clock, view, selfId } = this.#dependencies
    const { memory } = this.#options
    this.#releases.look()
    const [held, wanted] = [this.#spans.current(), this.#wishes.wanted()]
    return decide({
      held,
      wanted,
      othersHolding: view.coverage(selfId),
      othersKeeping: this.#releases.keepers(),
      bothBytes: memory.usedBytes() + (wanted === null ? 0 : this.#wishes.weightBytes(wanted)),
      memoryBytes: memory.limitBytes,
      nowMs: clock.nowMs(),
      lastMoveMs: this.#lastMoveMs,
      moveWindowMs: swarmLimits.moveWindowMs,
      rankLeaves: this.#wishes.rankLeaves(held),
    })
  }

  async #move(decision: Move): Promise<void> {
    const { clock, logger } = this.#dependencies
    const { action, span } = decision
    const lastMovedMs = this.#lastMoveMs
    if (this.#spans.current() !== null) this.#lastMoveMs = clock.nowMs()
    logger.info('span-loading', {
      start: span.start,
      end: span.end,
      action,
      ...(span.group !== undefined && { with: span.group.ranks }),
    })
    try {
      await this.#take(decision)
    } catch (error) {
      if (this.#retiring.signal.aborted) return
      // Nothing has moved, so the move window does not apply.
      this.#lastMoveMs = lastMovedMs
      this.#moveFailed(decision, error)
      return
    }
    this.#settled.resolve()
  }

  async #take(decision: Move): Promise<void> {
    const { span } = decision
    const { signal } = this.#retiring
    const stillWanted = (): boolean => this.#wishes.isWanted(span)
    const held = this.#spans.current()
    // The ranks of a group take part when their own plan says so too.
    if (span.group !== undefined) await this.#releases.whenQuiet(stillWanted, signal)
    if (held !== null && decision.action === 'swap') await this.#letGoFor(held, decision)
    const before = this.#spans.current()
    // Loading takes time, so the permission is asked for again when the span is loaded.
    await this.#spans.take(span, signal, () =>
      before === null
        ? Promise.resolve()
        : this.#releases.whenFree(givenUp(before, span), stillWanted, signal),
    )
    this.#failure = null
    this.#problems.solved()
  }

  async #letGoFor(held: Holding, { span, urgent }: Extract<Decision, { action: 'swap' }>): Promise<void> {
    const { clock, membership, selfId, view } = this.#dependencies
    const { signal } = this.#retiring
    // Weights that no peer has at the moment, or that do not fit on the disk, are no reason to let go.
    await this.#dependencies.ensureUnits(unitsOfRange(this.#dependencies.config, span), signal)
    const stillWanted = (): boolean => this.#wishes.isWanted(span)
    await this.#releases.whenFree(givenUp(held, urgent ? span : null), stillWanted, signal)
    const allBlocks = { start: 0, end: view.costs.blockCount }
    const stall = watchStall({ clock, membership, selfId }, givenUp(allBlocks, held))
    try {
      await this.#spans.letGo(signal, stall.signal)
    } finally {
      stall.stop()
    }
  }

  #moveFailed(decision: Move, error: unknown): void {
    const { logger } = this.#dependencies
    const { span } = decision
    const { start, end } = span
    const reason = messageOf(error)
    const code = error instanceof ShoalError ? error.code : null
    // When the move was decided, both spans had room. Sessions have taken it while the weights were fetched, and they end.
    const filled = code === 'no-capacity' && decision.action === 'move' && this.#spans.current() !== null
    const putOff = code === 'not-ready' || filled
    // When a rank does not take part, this node has no problem to announce: it goes on holding its own span.
    if (span.group !== undefined)
      logger.warn('group-not-formed', { start, end, ranks: span.group.ranks, reason })
    else if (putOff) logger.info('move-put-off', { start, end, reason })
    else this.#problems.loadingFailed(span, reason)
    // An urgent swap that was put off is tried again soon: it has loaded nothing yet, and no request can be answered meanwhile.
    const soon = putOff && decision.action === 'swap' && decision.urgent
    this.#putOff(span, soon ? swarmLimits.settleMs : swarmLimits.spanRetryMs)
    if (this.#options.fixed !== null && this.#spans.current() === null) this.#failed.reject(error)
  }
}
