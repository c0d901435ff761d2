import { messageOf, onAbort, type Clock, type Logger } from '@shoal/host'
import type { BlockRunner } from '@shoal/runtime'
import type { SessionTimes } from '../route/limits.ts'
import { createLeases, type Leases } from './lease.ts'
import type { Owner, Stage } from './stage.ts'

export interface StageEvent {
  readonly event: 'session-opened' | 'session-moved' | 'session-closed'
  readonly session: string
  /** The coordinator. */
  readonly peer: string
  /**
   * Of `session-moved`: the peers that took the session over. Absent when the session stays here and only its neighbours
   * have changed.
   */
  readonly to?: readonly string[]
}

export interface StageTableOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly times: Pick<SessionTimes, 'leaseMs' | 'graceMs' | 'idleMs'>
  onEvent(event: StageEvent): void
  /** Called before a session that nobody uses is freed. */
  onIdle(stage: Stage): void
  /** Called when a session's memory has become free. */
  onFreed(): void
}

/** A stage's key in the table, and the runner's name for its session. */
export const stageKey = (session: string, start: number): string => `${session}/${start}`

/** The sessions of a node, by id and by owner. Each stays until it is closed or its owner's lease ends. */
export class StageTable {
  readonly #options: StageTableOptions
  readonly #leases: Leases
  /** By stage key: a session in which nothing happens is freed although its owner lives. */
  readonly #uses: Leases
  readonly #stages = new Map<string, Stage>()
  readonly #owners = new Map<string, Owner>()
  readonly #idleChecks = new Set<() => void>()
  #freeing = 0

  constructor(options: StageTableOptions) {
    this.#options = options
    const { clock, times } = options
    this.#leases = createLeases(clock, times, (peer) => this.#expire(peer))
    this.#uses = createLeases(clock, { leaseMs: times.idleMs, graceMs: 0 }, (key) => this.#expireIdle(key))
  }

  /** Number of sessions, those that wait for room included. */
  get size(): number {
    return this.#stages.size
  }

  /** Number of sessions that have ended and whose memory is not free yet. */
  get freeing(): number {
    return this.#freeing
  }

  find(session: string, start: number): Stage | undefined {
    return this.#stages.get(stageKey(session, start))
  }

  /** The stages of one runner, or all. */
  list(runner?: BlockRunner): readonly Stage[] {
    return [...this.#stages.values()].filter((stage) => runner === undefined || stage.runner === runner)
  }

  owner(peer: string): Owner | undefined {
    return this.#owners.get(peer)
  }

  add(stage: Stage): void {
    const { owner } = stage
    this.#stages.set(stageKey(stage.id, stage.start), stage)
    this.#owners.set(owner.peer, owner)
    owner.join(stage)
    this.#leases.renew(owner.peer)
    this.used(stage)
  }

  /** Notes that rows of a session were computed or arrived. Signs of life of its owner do not count as use. */
  used(stage: Stage): void {
    const key = stageKey(stage.id, stage.start)
    if (this.#stages.get(key) === stage) this.#uses.renew(key)
  }

  /**
   * Frees a stage. Resolves when its memory can be given to another session; unknown stages are ignored.
   * @param before as of `Stage.free`
   */
  async free(stage: Stage, before?: () => Promise<void>): Promise<void> {
    const key = stageKey(stage.id, stage.start)
    if (this.#stages.get(key) !== stage) return
    const options = this.#options
    const { owner } = stage
    this.#stages.delete(key)
    this.#uses.forget(key)
    owner.leave(stage)
    if (owner.stages.size === 0) {
      this.#owners.delete(owner.peer)
      this.#leases.forget(owner.peer)
    }
    this.#freeing += 1
    try {
      await stage.free(before)
    } catch (error) {
      options.logger.error('session-not-freed', { session: stage.id, reason: messageOf(error) })
    } finally {
      this.#freeing -= 1
    }
    if (stage.opened) options.onEvent({ event: 'session-closed', session: stage.id, peer: owner.peer })
    for (const check of this.#idleChecks) check()
    options.onFreed()
  }

  /** An owner has given a sign of life. */
  heard(peer: string): void {
    if (this.#owners.has(peer)) this.#leases.renew(peer)
  }

  /** The connection to an owner has ended. */
  lost(peer: string): void {
    this.#leases.lost(peer)
  }

  /** Resolves when no session (of `runner`) is left. */
  whenIdle(signal: AbortSignal, runner?: BlockRunner): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (this.list(runner).length > 0) return
        this.#idleChecks.delete(check)
        stopListening()
        resolve()
      }
      this.#idleChecks.add(check)
      const stopListening = onAbort(signal, () => {
        this.#idleChecks.delete(check)
        reject(signal.reason)
      })
      check()
    })
  }

  close(): void {
    this.#leases.close()
    this.#uses.close()
  }

  #expireIdle(key: string): void {
    const stage = this.#stages.get(key)
    if (stage === undefined) return
    this.#options.logger.info('session-idle', { session: stage.id, peer: stage.owner.peer })
    this.#options.onIdle(stage)
    this.free(stage).catch(() => undefined)
  }

  #expire(peer: string): void {
    const owner = this.#owners.get(peer)
    if (owner === undefined) return
    this.#options.logger.info('lease-expired', { peer, sessions: owner.stages.size })
    for (const stage of owner.stages) void this.free(stage)
  }
}
