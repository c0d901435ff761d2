import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { BlockRunner } from '@shoal/runtime'
import type { Formation } from '../forming/formation.ts'
import { RankError } from '../forming/rank-error.ts'
import { silentPeers } from '../forming/silent-peers.ts'
import { groupLimits } from '../limits.ts'
import type { GroupFormer } from './group-former.ts'
import type { LedSessions } from './led-sessions.ts'
import type { Seats } from './seats.ts'

export interface LedGroupOptions {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly former: GroupFormer
  readonly seats: Seats
  /** The runner of this node's own share. */
  readonly own: BlockRunner
  readonly sessions: LedSessions
  /** The group was formed, at first or again. */
  onFormed(formation: Formation): void
}

/**
 * The group that this node leads: its present formation, and its repair. When a rank is lost, the group is formed again
 * around the remaining ranks and a spare, and the KV caches of all sessions are computed again from their inputs. Without
 * a spare the group is lost.
 */
export class LedGroup {
  readonly #options: LedGroupOptions
  readonly #losing = new AbortController()
  readonly #releasing = new AbortController()
  #formation: Formation | null = null
  #numericClass = ''
  #repairs = 0
  /** Resolves when the actions that are queued so far are done. */
  #inOrder: Promise<unknown> = Promise.resolve()

  constructor(options: LedGroupOptions) {
    this.#options = options
  }

  get numericClass(): string {
    return this.#numericClass
  }

  /** How often the group was formed again. */
  get repairs(): number {
    return this.#repairs
  }

  /** Aborted when the group can compute no more and is not repaired. */
  get lost(): AbortSignal {
    return this.#losing.signal
  }

  /** Aborted when the group is released. */
  get released(): AbortSignal {
    return this.#releasing.signal
  }

  /** Forms the group for the first time. @throws {RankError} the rank that failed, and why */
  async start(signal: AbortSignal): Promise<void> {
    const { former, seats } = this.#options
    const first = await former.form(seats.members, this.#heal, signal)
    this.#formation = first.formation
    this.#options.onFormed(first.formation)
    this.#numericClass = first.numericClass
  }

  sum(partial: Float32Array): Promise<Float32Array> {
    return this.#formation?.sum(partial) ?? Promise.reject(notFormed())
  }

  /** @throws {ShoalError} `not-ready` after the release */
  present(): Formation {
    if (this.#formation === null || this.#releasing.signal.aborted)
      throw new ShoalError('not-ready', 'this group has been released')
    return this.#formation
  }

  /** Runs an action after all that were queued before it. */
  queue<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#inOrder.then(action)
    this.#inOrder = done.catch(() => undefined)
    return done
  }

  /** Runs an action over an intact group. When a rank is lost meanwhile, the group is repaired and the action runs again. */
  async whole<T>(action: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (this.present().broken !== null) throw this.present().broken?.error
        return await action()
      } catch (error) {
        await this.#findHungRank(error)
        const { broken } = this.present()
        if (broken === null || attempt >= groupLimits.repairsMax || this.#releasing.signal.aborted)
          throw error
        await this.#repair(broken.error)
      }
    }
  }

  /** Frees a session at the members. */
  closeSession(number: number): void {
    this.#formation?.close(number)
  }

  release(): void {
    this.#releasing.abort(new ShoalError('not-ready', 'this group has been released'))
    this.#formation?.end()
  }

  /** Repairs the group when a rank is lost while nothing is computed, so that the next call need not wait for the repair. */
  readonly #heal = (): void => {
    if (this.#formation === null) return
    this.queue(() => this.whole(async () => undefined)).catch((error: unknown) =>
      this.#options.logger.warn('group-lost', { reason: messageOf(error) }),
    )
  }

  /** After a sum that was not completed in time, some rank hangs; pings find out which. */
  async #findHungRank(error: unknown): Promise<void> {
    const formation = this.#formation
    if (!(error instanceof ShoalError) || error.code !== 'deadline-passed' || formation === null) return
    const peers = this.#options.seats.members.map(({ peer }) => peer)
    const silent = await silentPeers(this.#options, peers, this.#releasing.signal)
    for (const [index, peer] of peers.entries())
      if (silent.has(peer))
        formation.lose(
          index + 1,
          new ShoalError('deadline-passed', `rank ${index + 1} (${peer}) does not answer`, { cause: error }),
        )
  }

  /** @throws {ShoalError} `not-ready` when the group is lost */
  async #repair(reason: ShoalError): Promise<void> {
    try {
      await this.#formAgain(reason)
    } catch (error) {
      if (!this.#releasing.signal.aborted) this.#losing.abort(error)
      throw error
    }
  }

  async #formAgain(reason: ShoalError): Promise<void> {
    let lost = this.#formation?.broken?.rank ?? null
    let why: unknown = reason
    this.#formation?.end()
    for (let attempt = 0; attempt <= groupLimits.repairsMax; attempt += 1) {
      this.#options.seats.replace(lost, why)
      try {
        await this.#formOnce(lost)
        return
      } catch (error) {
        // Another rank may be lost while the group is formed or its caches are computed.
        const another = error instanceof RankError ? error : this.#formation?.broken
        if (another === null || another === undefined)
          throw error instanceof ShoalError && error.code === 'not-ready'
            ? error
            : new ShoalError('not-ready', messageOf(error), { cause: error })
        this.#formation?.end()
        lost = another.rank
        why = error
      }
    }
    throw new ShoalError('not-ready', `this group could not be formed again: ${messageOf(why)}`)
  }

  async #formOnce(lost: number | null): Promise<void> {
    const { former, seats, logger } = this.#options
    await former.measureAgain(seats.members, this.#releasing.signal)
    const { formation, numericClass } = await former.form(seats.members, this.#heal, this.#releasing.signal)
    if (numericClass !== this.#numericClass) {
      formation.end()
      throw new ShoalError('not-ready', 'the spare is of another numeric class')
    }
    this.#formation = formation
    this.#options.onFormed(formation)
    this.#repairs += 1
    logger.info('group-repaired', { rank: lost, members: seats.members.map(({ peer }) => peer) })
    await this.#rebuildCaches(formation)
  }

  /** Computes the KV caches of all sessions again, here and at the members, from the sessions' inputs. */
  async #rebuildCaches(formation: Formation): Promise<void> {
    const { own, sessions } = this.#options
    for (const [name, { number, tokenBudget, part, inputs }] of sessions.entries()) {
      await formation.open(number, tokenBudget, part, this.#releasing.signal)
      await own.truncate(name, 0)
      for (const { position, rows } of inputs.chunks(groupLimits.replayRows))
        await formation.call(number, position, rows, () => own.forward(name, position, rows))
    }
  }
}

export function notFormed(): ShoalError {
  return new ShoalError('not-ready', 'the group is not formed')
}
