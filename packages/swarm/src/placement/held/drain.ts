import { messageOf, ShoalError, type Logger } from '@shoal/host'
import type { StageHost } from '@shoal/session'
import type { LoadedSpan, LoadedSpans } from './loaded-spans.ts'

export interface DrainDependencies {
  readonly logger: Logger
  readonly stageHost: Pick<StageHost, 'setLeaving' | 'whenIdle' | 'sessions'>
  readonly spans: LoadedSpans
}

/** Lets the sessions of spans move to other peers or end. */
export class Drain {
  readonly #dependencies: DrainDependencies
  readonly #closing = new AbortController()
  readonly #finishing = new Set<Promise<void>>()

  constructor(dependencies: DrainDependencies) {
    this.#dependencies = dependencies
  }

  /** Frees `span` in the background, once its sessions are over. */
  finishLater(span: LoadedSpan): void {
    const finished = this.#finish(span).finally(() => this.#finishing.delete(finished))
    this.#finishing.add(finished)
  }

  /**
   * Resolves when no session is left on `span`, or when `hurry` is aborted: sessions that are left are then ended by its
   * release, and their coordinators replay them at other nodes once the blocks that they wait for are served.
   * @throws the reason of `signal`
   */
  async sessionsEnded({ runner }: LoadedSpan, signal: AbortSignal, hurry: AbortSignal): Promise<void> {
    const { stageHost, logger } = this.#dependencies
    try {
      await stageHost.whenIdle(AbortSignal.any([signal, hurry]), runner)
    } catch (error) {
      if (!hurry.aborted || signal.aborted) throw error
      const sessions = stageHost.sessions(runner)
      if (sessions > 0) logger.info('sessions-ended-for-move', { sessions })
    }
  }

  /** Stops waiting for sessions; spans that were to be freed after them stay in memory. */
  async close(): Promise<void> {
    this.#closing.abort(new ShoalError('cancelled', 'the node is stopping'))
    await Promise.all(this.#finishing)
  }

  async #finish(span: LoadedSpan): Promise<void> {
    const { stageHost, logger, spans } = this.#dependencies
    try {
      stageHost.setLeaving(span.runner, true)
      await stageHost.whenIdle(this.#closing.signal, span.runner)
      await spans.free(span)
    } catch (error) {
      // When the node stops, all spans are freed at once.
      if (!this.#closing.signal.aborted) logger.warn('span-release-failed', { reason: messageOf(error) })
    }
  }
}
