import {
  createSerialQueue,
  messageOf,
  onAbort,
  ShoalError,
  timeLimit,
  type Clock,
  type Logger,
  type MemoryBudget,
} from '@shoal/host'
import { unitsOfRange } from '@shoal/model'
import type { Announcement, Membership } from '@shoal/membership'
import type { BlockRunner, Device, LoadOptions } from '@shoal/runtime'
import type { StageHost } from '@shoal/session'
import type { Holding } from './holding.ts'
import { swarmLimits } from '../limits.ts'

export interface HeldSpansDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly membership: Pick<Membership, 'announce'>
  readonly stageHost: Pick<StageHost, 'setRunners' | 'setLeaving' | 'whenIdle' | 'sessions'>
  readonly device: Pick<Device, 'loadBlocks' | 'numericClass'>
  /** Forms the group of a holding that has one; absent where this node leads none. */
  readonly lead?: ((holding: Holding, options: LoadOptions) => Promise<BlockRunner>) | undefined
  /** What the record says beside, while this is served. */
  readonly said?: ((holding: Holding | null) => Announcement) | undefined
  /** Brings a span's weights to this machine. */
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

export interface HeldSpansOptions {
  /** Weights and KV caches of all spans are taken from it, and whatever else the node holds. */
  readonly memory: MemoryBudget
  onChange(span: Holding | null): void
  /** The span can be computed here no more and is not announced any longer: it may be taken anew. */
  onLost(span: Holding): void
}

/** The spans in this node's memory: the one it has announced, and those that only finish their sessions. */
export interface HeldSpans {
  current(): Holding | null
  /**
   * Loads `span`, waits until `ready` lets the one before go, serves and announces it; the one before then only finishes
   * its sessions. When it fails, all is as before.
   */
  take(span: Holding, signal: AbortSignal, ready: () => Promise<void>): Promise<void>
  /**
   * Stops announcing the span, lets its sessions move or end and frees it. When they do not end in time the span is announced
   * again: a node that holds nothing helps nobody. Once `hurry` is aborted, sessions that are left end at once.
   * @throws {ShoalError} `deadline-passed`
   */
  letGo(signal: AbortSignal, hurry: AbortSignal): Promise<void>
  /** Ends every session, on every span; the spans stay. */
  endSessions(): void
  /** Ends every session and frees every span. */
  release(): Promise<void>
}

export function createHeldSpans(dependencies: HeldSpansDependencies, options: HeldSpansOptions): HeldSpans {
  const { clock, logger, membership, stageHost, device } = dependencies
  const releasing = new AbortController()
  let current: BlockRunner | null = null
  const draining = new Set<BlockRunner>()
  /** As what each was taken. */
  const heldAs = new WeakMap<BlockRunner, Holding>()
  const as = (runner: BlockRunner): Holding => heldAs.get(runner) ?? runner.range
  const said = dependencies.said ?? ((): Announcement => ({}))
  const finishing = new Set<Promise<void>>()
  const serving = createSerialQueue()

  /** One at a time: the host ends the sessions of runners that are gone while it goes through them. */
  const setRunners = (runners: () => readonly BlockRunner[]): Promise<void> =>
    serving.run(() => stageHost.setRunners(runners()))
  const serve = (): Promise<void> => setRunners(() => [...(current === null ? [] : [current]), ...draining])

  const load = async (span: Holding, signal: AbortSignal): Promise<BlockRunner> => {
    await dependencies.ensureUnits(unitsOfRange(span), signal)
    const loading = { memory: options.memory, signal }
    const runner = await (span.group === undefined ? device.loadBlocks(span, loading) : lead(span, loading))
    heldAs.set(runner, span)
    // The readiness echo: what was loaded is what will be announced.
    if (runner.range.start !== span.start || runner.range.end !== span.end) {
      await runner.release()
      throw new ShoalError(
        'internal',
        `asked for blocks ${span.start}:${span.end}, loaded ${runner.range.start}:${runner.range.end}`,
      )
    }
    return runner
  }
  const lead = (span: Holding, loading: LoadOptions): Promise<BlockRunner> => {
    // Its sessions and those of the next one would call the same ranks, each in an order of its own.
    const former = [...(current === null ? [] : [current]), ...draining].find(
      (runner) => as(runner).group !== undefined,
    )
    if (former !== undefined)
      return Promise.reject(new ShoalError('not-ready', 'a group that this node leads still serves'))
    return (
      dependencies.lead?.(span, loading) ??
      Promise.reject(new ShoalError('internal', 'this node leads no groups'))
    )
  }
  const announce = (runner: BlockRunner): Promise<void> => {
    const { start, end } = runner.range
    return membership.announce({
      state: 'serving',
      span: { start, end },
      numericClass: runner.numericClass ?? device.numericClass,
      ...said(as(runner)),
    })
  }
  const announceNothing = (): Promise<void> =>
    membership.announce({ state: 'joining', span: null, numericClass: device.numericClass, ...said(null) })

  const free = async (runner: BlockRunner): Promise<void> => {
    draining.delete(runner)
    await serve()
    await runner.release()
  }
  /** Lets running sessions move to other peers or end, then frees the span. */
  const finish = async (runner: BlockRunner): Promise<void> => {
    try {
      stageHost.setLeaving(runner, true)
      await stageHost.whenIdle(releasing.signal, runner)
      await free(runner)
    } catch (error) {
      // Then `release` frees it, or has begun to.
      if (!releasing.signal.aborted) logger.warn('span-release-failed', { reason: messageOf(error) })
    }
  }
  /** Resolves when no session is left on `runner`, or none may be waited for. */
  const sessionsEnded = async (
    runner: BlockRunner,
    signal: AbortSignal,
    hurry: AbortSignal,
  ): Promise<void> => {
    try {
      await stageHost.whenIdle(AbortSignal.any([signal, hurry]), runner)
    } catch (error) {
      if (!hurry.aborted || signal.aborted) throw error
      const sessions = stageHost.sessions(runner)
      // Their coordinators replay them at other nodes, once the blocks that they wait for are served.
      if (sessions > 0) logger.info('sessions-ended-for-move', { sessions })
    }
  }
  const finishLater = (runner: BlockRunner): void => {
    const finished = finish(runner).finally(() => finishing.delete(finished))
    finishing.add(finished)
  }
  const swapBack = async (former: BlockRunner): Promise<void> => {
    draining.delete(former)
    stageHost.setLeaving(former, false)
    current = former
    await serve()
    await announce(former)
    dropWhenLost(former)
  }

  /** Its sessions are told, and nobody routes to it: others load the blocks when they see that nobody has them. */
  const drop = async (runner: BlockRunner): Promise<void> => {
    if (current !== runner) return
    current = null
    await announceNothing()
    await serve()
    await runner.release()
    options.onChange(null)
    options.onLost(as(runner))
  }
  const dropWhenLost = (runner: BlockRunner): void => {
    onAbort(
      runner.lost,
      () =>
        void drop(runner).catch((error: unknown) =>
          logger.warn('span-release-failed', { reason: messageOf(error) }),
        ),
    )
  }

  const replace = async (span: Holding, signal: AbortSignal, ready: () => Promise<void>): Promise<void> => {
    const runner = await load(span, signal)
    let former = current
    try {
      await ready()
      // It may have been lost meanwhile.
      former = current
      current = runner
      if (former !== null) draining.add(former)
      await serve()
      signal.throwIfAborted()
      await announce(runner)
    } catch (error) {
      if (current === runner) current = former
      if (former !== null) draining.delete(former)
      await serve()
      await runner.release()
      // While it was the one before, nobody gave it up.
      if (former?.lost?.aborted === true) dropWhenLost(former)
      throw error
    }
    options.onChange(span)
    dropWhenLost(runner)
    if (former !== null) finishLater(former)
  }

  return {
    current: () => (current === null ? null : as(current)),
    async take(span, signal, ready) {
      // Who joins at the same moment plans with what this node is about to hold, and takes something else.
      const isFirst = current === null
      if (isFirst) await membership.announce({ state: 'joining', span: { start: span.start, end: span.end } })
      try {
        await replace(span, signal, ready)
      } catch (error) {
        if (isFirst)
          await membership
            .announce({ state: 'joining', span: null })
            .catch((cause: unknown) => logger.error('member-record-failed', { reason: messageOf(cause) }))
        throw error
      }
    },
    async letGo(signal, hurry) {
      const former = current
      if (former === null) return
      current = null
      draining.add(former)
      const limit = timeLimit(
        clock,
        swarmLimits.drainTimeoutMs,
        () =>
          new ShoalError(
            'deadline-passed',
            `sessions on blocks ${former.range.start}:${former.range.end} did not end within ${swarmLimits.drainTimeoutMs / 1000} s`,
          ),
        signal,
      )
      try {
        await announceNothing()
        stageHost.setLeaving(former, true)
        await sessionsEnded(former, limit.signal, hurry)
        await free(former)
        options.onChange(null)
      } catch (error) {
        if (draining.has(former) && !signal.aborted) await swapBack(former)
        throw error
      } finally {
        limit.clear()
      }
    },
    endSessions() {
      const failed = (error: unknown): void =>
        logger.error('sessions-not-ended', { reason: messageOf(error) })
      setRunners(() => []).catch(failed)
      serve().catch(failed)
    },
    async release() {
      releasing.abort(new ShoalError('cancelled', 'the node is stopping'))
      await Promise.all(finishing)
      await setRunners(() => [])
      const runners = [...draining, ...(current === null ? [] : [current])]
      current = null
      draining.clear()
      for (const runner of runners) await runner.release()
    },
  }
}
