import { messageOf, ShoalError, type Clock, type Logger, type Timer } from '@shoal/host'
import { unitsOfRange, type BlockRange } from '@shoal/model'
import type { Membership } from '@shoal/membership'
import type { BlockRunner, Device } from '@shoal/runtime'
import type { StageHost } from '@shoal/session'
import { decide } from './decide.ts'
import { swarmLimits } from './limits.ts'
import type { SwarmEvent } from './types.ts'
import type { SwarmView } from './view.ts'

export interface SpanKeeperDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly selfId: string
  readonly membership: Membership
  readonly view: SwarmView
  readonly stageHost: StageHost
  readonly device: Device
  /** Brings a span's weights to this machine. */
  ensureUnits(units: readonly string[], signal: AbortSignal): Promise<void>
}

export interface SpanKeeperOptions {
  /** Exactly these blocks, whatever the plan says. */
  readonly fixed: BlockRange | null
  /** For weights and KV caches together. */
  readonly memoryBytes: number
  onEvent(event: SwarmEvent): void
}

/** Makes this node hold what the plan wants of it, one careful move at a time. */
export interface SpanKeeper {
  start(): void
  held(): BlockRange | null
  /** The runner of the present span. */
  runner(): BlockRunner | null
  /** Resolves after the first decision has been carried out: a span is served, or the plan needs nothing of this node. */
  readonly settled: Promise<void>
  /** Ends all sessions: this incarnation is over. */
  dropSessions(): void
  /** Rejects when a fixed span cannot be loaded: then there is nothing this node could do. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/** Loading failed: the same attempt again only after so long. */
const retryMs = 10_000

export function createSpanKeeper(dependencies: SpanKeeperDependencies, options: SpanKeeperOptions): SpanKeeper {
  const { clock, logger, membership, view, stageHost, device, selfId } = dependencies
  const stopping = new AbortController()
  let current: BlockRunner | null = null
  /** Spans that only finish what they began. */
  const draining = new Set<BlockRunner>()
  let lastMoveMs: number | null = null
  let timer: Timer | null = null
  let turn: Promise<void> = Promise.resolve()
  let endListening = (): void => undefined
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  failed.catch(() => undefined)
  let settle = (): void => undefined
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })

  const serve = (): Promise<void> => stageHost.setRunners([...(current === null ? [] : [current]), ...draining])

  const release = async (runner: BlockRunner): Promise<void> => {
    draining.delete(runner)
    await serve()
    await runner.release()
  }

  const load = async (span: BlockRange): Promise<BlockRunner> => {
    await dependencies.ensureUnits(unitsOfRange(span), stopping.signal)
    const runner = await device.loadBlocks(span, { memoryLimitBytes: options.memoryBytes, signal: stopping.signal })
    // The readiness echo: what was loaded is what will be announced.
    if (runner.range.start !== span.start || runner.range.end !== span.end) {
      await runner.release()
      throw new ShoalError('internal', `asked for blocks ${span.start}:${span.end}, loaded ${runner.range.start}:${runner.range.end}`)
    }
    return runner
  }

  const take = async (span: BlockRange): Promise<void> => {
    const runner = await load(span)
    const former = current
    current = runner
    if (former !== null) draining.add(former)
    await serve()
    await membership.announce({ state: 'serving', span, numericClass: device.numericClass })
    options.onEvent({ event: 'blocks-changed', blocks: [span.start, span.end] })
    logger.info('blocks-changed', { start: span.start, end: span.end })
    if (former !== null) void finish(former)
  }

  /** Lets running sessions end, then frees the span. */
  const finish = async (runner: BlockRunner): Promise<void> => {
    try {
      await stageHost.whenIdle(stopping.signal, runner)
      await release(runner)
    } catch (error) {
      if (!stopping.signal.aborted) logger.warn('span-release-failed', { reason: messageOf(error) })
    }
  }

  const letGo = async (): Promise<void> => {
    const former = current
    if (former === null) return
    current = null
    await membership.announce({ state: 'joining', span: null })
    draining.add(former)
    await serve()
    await stageHost.whenIdle(stopping.signal, former)
    await release(former)
  }

  const wanted = (): BlockRange | null => {
    if (options.fixed !== null) return options.fixed
    const placement = view.plan().placements.find(({ peer }) => peer === selfId)
    return placement === undefined ? null : { start: placement.start, end: placement.end }
  }

  const evaluate = async (): Promise<void> => {
    if (stopping.signal.aborted) return
    const span = wanted()
    const held = current?.range ?? null
    const bytesOf = (range: BlockRange | null): number => (range === null ? 0 : (range.end - range.start) * view.costs.blockBytes)
    const decision = decide({
      held,
      wanted: span,
      othersHolding: view.coverage(selfId),
      bothBytes: bytesOf(held) + bytesOf(span),
      memoryBytes: options.memoryBytes,
      nowMs: clock.nowMs(),
      lastMoveMs,
      moveWindowMs: swarmLimits.moveWindowMs,
    })
    if (decision.action === 'stay') {
      logger.debug('span-kept', { reason: decision.reason })
      // Nothing else may happen until the window has passed, so nobody else would ask again.
      if (decision.againAfterMs !== undefined) schedule(decision.againAfterMs)
      return
    }
    if (held !== null) lastMoveMs = clock.nowMs()
    logger.info('span-loading', { start: decision.span.start, end: decision.span.end, action: decision.action })
    if (decision.action === 'swap') await letGo()
    await take(decision.span)
  }

  const schedule = (delayMs: number): void => {
    if (timer !== null || stopping.signal.aborted) return
    timer = clock.after(delayMs, () => {
      timer = null
      turn = turn.then(evaluate).then(settle).catch((error: unknown) => {
        if (stopping.signal.aborted) return
        logger.error('span-loading-failed', { reason: messageOf(error) })
        if (options.fixed !== null && current === null) fail(error)
        schedule(retryMs)
      })
    })
  }

  return {
    start() {
      endListening = membership.onChange(() => schedule(swarmLimits.settleMs))
      schedule(options.fixed === null ? swarmLimits.settleMs : 0)
    },
    held: () => current?.range ?? null,
    runner: () => current,
    settled,
    dropSessions() {
      turn = turn.then(() => stageHost.setRunners([])).then(serve)
    },
    failed,
    async stop() {
      endListening()
      timer?.cancel()
      stopping.abort(new ShoalError('cancelled', 'the node is stopping'))
      await turn
      await stageHost.setRunners([])
      for (const runner of [...draining, ...(current === null ? [] : [current])]) await runner.release()
    },
  }
}
