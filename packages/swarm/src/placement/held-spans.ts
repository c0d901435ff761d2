import {
  messageOf,
  onAbort,
  ShoalError,
  timeLimit,
  type Clock,
  type Logger,
  type MemoryBudget,
} from '@shoal/host'
import type { Announcement, Membership } from '@shoal/membership'
import type { Device } from '@shoal/runtime'
import type { StageHost } from '@shoal/session'
import { Drain } from './held/drain.ts'
import { loadSpan, type SpanLoaderDependencies } from './held/load-span.ts'
import { LoadedSpans, type LoadedSpan } from './held/loaded-spans.ts'
import type { Holding } from './holding.ts'
import { swarmLimits } from '../limits.ts'

export interface HeldSpansDependencies extends SpanLoaderDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly membership: Pick<Membership, 'announce'>
  readonly stageHost: Pick<StageHost, 'setRunners' | 'setLeaving' | 'whenIdle' | 'sessions'>
  readonly device: Pick<Device, 'loadBlocks' | 'numericClass'>
  /** Further fields of this node's record while it serves this holding; null for nothing. */
  readonly recordFields?: ((holding: Holding | null) => Announcement) | undefined
}

export interface HeldSpansOptions {
  /** The node's budget: weights and KV caches of all spans are taken from it, beside whatever else the node holds. */
  readonly memory: MemoryBudget
  onChange(span: Holding | null): void
  /**
   * Called after a span that cannot be computed any longer has been withdrawn from the record; it may be taken again.
   * @param reason of the runner's `lost`
   */
  onLost(span: Holding, reason: unknown): void
}

/** The spans in this node's memory: the one it has announced, and draining ones, which only finish their sessions. */
export interface HeldSpans {
  current(): Holding | null
  /**
   * Loads `span`, waits until `ready` permits to give up the current one, then serves and announces `span`. The former
   * span only finishes its sessions. After a failure all is as before.
   * @throws errors of loading, of `ready` and of the announcement
   */
  take(span: Holding, signal: AbortSignal, ready: () => Promise<void>): Promise<void>
  /**
   * Withdraws the current span from the record, lets its sessions move or end, and frees it. When they do not end in time
   * the span is announced again, since a node that holds nothing helps nobody. Once `hurry` is aborted, the sessions that
   * are left end at once.
   * @throws {ShoalError} `deadline-passed`
   */
  letGo(signal: AbortSignal, hurry: AbortSignal): Promise<void>
  /** Ends every session, on every span; the spans stay. */
  endSessions(): void
  /** Ends every session and frees every span. */
  release(): Promise<void>
}

export function createHeldSpans(dependencies: HeldSpansDependencies, options: HeldSpansOptions): HeldSpans {
  return new NodeSpans(dependencies, options)
}

class NodeSpans implements HeldSpans {
  readonly #dependencies: HeldSpansDependencies
  readonly #options: HeldSpansOptions
  readonly #spans: LoadedSpans
  readonly #drain: Drain

  constructor(dependencies: HeldSpansDependencies, options: HeldSpansOptions) {
    const { logger, stageHost } = dependencies
    this.#dependencies = dependencies
    this.#options = options
    this.#spans = new LoadedSpans(stageHost)
    this.#drain = new Drain({ logger, stageHost, spans: this.#spans })
  }

  current(): Holding | null {
    return this.#spans.current?.holding ?? null
  }

  async take(holding: Holding, signal: AbortSignal, ready: () => Promise<void>): Promise<void> {
    const { membership, logger } = this.#dependencies
    const isFirst = this.#spans.current === null
    const { start, end } = holding
    // Announced before it is loaded, so that nodes that join at the same moment plan with it and take something else. The
    // span of a group is none that this node has room for by itself, and plans would count it as such.
    const isClaim = isFirst && holding.group === undefined
    if (isClaim) await membership.announce({ state: 'joining', span: { start, end } })
    try {
      await this.#replace(holding, signal, ready)
    } catch (error) {
      if (isClaim)
        await membership
          .announce({ state: 'joining', span: null })
          .catch((cause: unknown) => logger.error('member-record-failed', { reason: messageOf(cause) }))
      throw error
    }
  }

  async letGo(signal: AbortSignal, hurry: AbortSignal): Promise<void> {
    const former = this.#spans.drainCurrent()
    if (former === null) return
    const { clock, stageHost } = this.#dependencies
    const limit = timeLimit(clock, swarmLimits.drainTimeoutMs, () => drainedTooLong(former.holding), signal)
    try {
      await this.#announceNothing()
      stageHost.setLeaving(former.runner, true)
      await this.#drain.sessionsEnded(former, limit.signal, hurry)
      await this.#spans.free(former)
      this.#options.onChange(null)
    } catch (error) {
      if (this.#spans.isDraining(former) && !signal.aborted) await this.#resume(former)
      throw error
    } finally {
      limit.clear()
    }
  }

  endSessions(): void {
    const failed = (error: unknown): void =>
      this.#dependencies.logger.error('sessions-not-ended', { reason: messageOf(error) })
    this.#spans.serveNothing().catch(failed)
    this.#spans.serve().catch(failed)
  }

  async release(): Promise<void> {
    await this.#drain.close()
    await this.#spans.freeAll()
  }

  async #replace(holding: Holding, signal: AbortSignal, ready: () => Promise<void>): Promise<void> {
    const spans = this.#spans
    const loaded = await loadSpan(
      this.#dependencies,
      holding,
      this.#options.memory,
      () => spans.list(),
      signal,
    )
    let former = spans.current
    try {
      await ready()
      // The former span may have been lost meanwhile.
      former = spans.current
      spans.promote(loaded)
      await spans.serve()
      signal.throwIfAborted()
      await this.#announce(loaded)
    } catch (error) {
      spans.demote(loaded, former)
      await spans.serve()
      await loaded.runner.release()
      // A span that is lost while it is not the current one is not dropped.
      if (former?.runner.lost?.aborted === true) this.#dropWhenLost(former)
      throw error
    }
    this.#options.onChange(holding)
    this.#dropWhenLost(loaded)
    if (former !== null) this.#drain.finishLater(former)
  }

  async #resume(former: LoadedSpan): Promise<void> {
    this.#dependencies.stageHost.setLeaving(former.runner, false)
    this.#spans.resume(former)
    await this.#spans.serve()
    await this.#announce(former)
    this.#dropWhenLost(former)
  }

  #dropWhenLost(span: LoadedSpan): void {
    const { logger } = this.#dependencies
    onAbort(span.runner.lost, () => {
      this.#drop(span).catch((error: unknown) =>
        logger.warn('span-release-failed', { reason: messageOf(error) }),
      )
    })
  }

  /** Withdraws a lost span from the record and ends its sessions, so that other nodes load its blocks. */
  async #drop(span: LoadedSpan): Promise<void> {
    if (this.#spans.current !== span) return
    this.#spans.dropCurrent()
    await this.#announceNothing()
    await this.#spans.serve()
    await span.runner.release()
    this.#options.onChange(null)
    this.#options.onLost(span.holding, span.runner.lost?.reason)
  }

  #announce({ holding, runner }: LoadedSpan): Promise<void> {
    const { membership, device, recordFields } = this.#dependencies
    const { start, end } = runner.range
    return membership.announce({
      state: 'serving',
      span: { start, end },
      numericClass: runner.numericClass ?? device.numericClass,
      ...recordFields?.(holding),
    })
  }

  #announceNothing(): Promise<void> {
    const { membership, device, recordFields } = this.#dependencies
    return membership.announce({
      state: 'joining',
      span: null,
      numericClass: device.numericClass,
      ...recordFields?.(null),
    })
  }
}

function drainedTooLong({ start, end }: Holding): ShoalError {
  return new ShoalError(
    'deadline-passed',
    `sessions on blocks ${start}:${end} did not end within ${swarmLimits.drainTimeoutMs / 1000} s`,
  )
}
