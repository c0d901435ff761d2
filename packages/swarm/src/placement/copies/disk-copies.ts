import { every, messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { MemberDisk, Membership } from '@shoal/membership'
import { ModelError, type BlockRange, type IdentifiedManifest } from '@shoal/model'
import type { ModelStore } from '../../weights/model-store.ts'
import { swarmLimits } from '../../limits.ts'
import { createDiskUnits, type DiskUnits } from './disk-units.ts'
import { planCopies } from './plan-copies.ts'

export interface DiskCopiesOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly manifest: IdentifiedManifest
  readonly store: Pick<ModelStore, 'hasUnit' | 'copyUnit' | 'checkUnit'>
  readonly membership: Pick<Membership, 'announce' | 'members'>
  readonly selfId: string
  /** Most bytes of weights on disk that this node does not serve. */
  readonly limitBytes: number
  /** Bytes that are free where the data directory is. */
  readonly freeBytes: () => number
  /**
   * Sessions that this node serves. While there are any, checking and fetching take `copiesBusyShare` of the time: links and
   * cores belong to answers.
   */
  readonly sessions: () => number
}

/** Keeps copies of weights on this node's disk, in the background, for peers that may lose theirs. */
export interface DiskCopies {
  close(): void
}

/** Announces which weights are on the disk, and fetches the copies that fall to this node. */
export function createDiskCopies(options: DiskCopiesOptions): DiskCopies {
  const copies = new BackgroundCopies(options)
  const timer = every(
    options.clock,
    swarmLimits.copiesTurnMs,
    () => copies.turn(),
    (error) => copies.failed(error),
  )
  return {
    close() {
      timer.cancel()
      copies.close()
    },
  }
}

class BackgroundCopies {
  readonly #options: DiskCopiesOptions
  readonly #units: DiskUnits
  readonly #closed = new AbortController()
  /** Units that fall to this node, and the start of the time after which each is fetched. */
  readonly #waitingSinceMs = new Map<string, number>()
  /** The free bytes with which the node offers room again, after a copy did not fit. */
  #fullBelowBytes = 0
  /** While sessions are served, the next unit is checked or fetched at this time at the earliest. */
  #restUntilMs = 0
  #announced = ''
  #lastFailure = ''

  constructor(options: DiskCopiesOptions) {
    this.#options = options
    this.#units = createDiskUnits(options.manifest, options.store)
  }

  async turn(): Promise<void> {
    const { logger } = this.#options
    while (this.#mayWork()) {
      const unchecked = this.#units.unchecked()
      if (unchecked === undefined) break
      if (!(await this.#paced(() => this.#units.check(unchecked, this.#closed.signal))))
        logger.warn('weights-corrupt', { unit: unchecked, reason: 'its hash is wrong; it was removed' })
    }
    await this.#announce()
    while (this.#mayWork()) {
      const unit = this.#nextCopy()
      if (unit === undefined) break
      await this.#paced(() => this.#fetch(unit))
    }
    if (!this.#closed.signal.aborted) await this.#announce()
  }

  #mayWork(): boolean {
    const { clock, sessions } = this.#options
    return !this.#closed.signal.aborted && (sessions() === 0 || clock.nowMs() >= this.#restUntilMs)
  }

  /**
   * Works on one unit. The rest after it is long enough that the work stays within its share of the time, and lasts at
   * least until the next turn.
   */
  async #paced<Result>(work: () => Promise<Result>): Promise<Result> {
    const { clock } = this.#options
    const sinceMs = clock.nowMs()
    try {
      return await work()
    } finally {
      const nowMs = clock.nowMs()
      const restMs = (nowMs - sinceMs) * (1 / swarmLimits.copiesBusyShare - 1)
      const { copiesTurnMs, copiesRestMaxMs } = swarmLimits
      this.#restUntilMs = nowMs + Math.min(Math.max(restMs, copiesTurnMs), copiesRestMaxMs)
    }
  }

  /** Logs a failure once, not at each turn. */
  failed(error: unknown): void {
    const reason = messageOf(error)
    const quiet = this.#closed.signal.aborted || isCancelled(error) || reason === this.#lastFailure
    this.#lastFailure = reason
    this.#options.logger[quiet ? 'debug' : 'warn']('weights-not-copied', { reason })
  }

  close(): void {
    this.#closed.abort(new ShoalError('cancelled', 'the node is stopping'))
  }

  /** The next unit to fetch; undefined while every unit has its copies, or they fall to others. */
  #nextCopy(): string | undefined {
    const { clock, membership, selfId } = this.#options
    const { names, bytes } = this.#units
    const copies = planCopies({
      members: membership.members(),
      unitBytes: bytes,
    }).get(selfId)
    const wanted = new Set(
      (copies ?? []).map((place) => names[place]!).filter((place) => this.#units.missing(place).length > 0),
    )
    for (const unit of this.#waitingSinceMs.keys()) if (!wanted.has(unit)) this.#waitingSinceMs.delete(unit)
    const nowMs = clock.nowMs()
    for (const unit of wanted) if (!this.#waitingSinceMs.has(unit)) this.#waitingSinceMs.set(unit, nowMs)
    return [...wanted].find((unit) => nowMs - this.#waitingSinceMs.get(unit)! >= swarmLimits.copiesSettleMs)
  }

  async #fetch(unit: string): Promise<void> {
    const { clock, logger, store, freeBytes } = this.#options
    try {
      for (const missing of this.#units.missing(unit)) await store.copyUnit(missing, this.#closed.signal)
      logger.info('weights-copied', { unit })
    } catch (error) {
      if (!isCancelled(error)) this.#waitingSinceMs.set(unit, clock.nowMs())
      if (error instanceof ModelError && error.code === 'disk-full')
        this.#fullBelowBytes = freeBytes() + this.#units.bytes[this.#units.names.indexOf(unit)]!
      throw error
    }
  }

  async #announce(): Promise<void> {
    const { membership, selfId } = this.#options
    const own = membership.members().find(({ record }) => record.peerId === selfId)?.record
    const disk = this.#record(own?.state === 'serving' ? own.span : null)
    const text = JSON.stringify(disk)
    if (text === this.#announced) return
    await membership.announce({ disk })
    this.#announced = text
  }

  #record(served: BlockRange | null): MemberDisk {
    const { freeBytes, limitBytes } = this.#options
    const free = freeBytes()
    return this.#units.record(free, free < this.#fullBelowBytes ? 0 : limitBytes, served)
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'cancelled'
}
