import { asFailure, messageOf, onAbort, ShoalError, type Logger } from '@shoal/host'
import type { HandOver, Successor } from '@shoal/protocol'
import type { PeerChannels } from '../../channels/peer-channels.ts'
import type { StagePeers } from '../opening/opening-context.ts'
import type { Stage } from '../stage.ts'
import { nearlyDone } from './rules.ts'
import { SuccessorCopy } from './successor-copy.ts'
import type { Slots } from './transfer-slots.ts'

export interface StageHandOverContext {
  readonly hops: PeerChannels
  readonly peers: Pick<StagePeers, 'addresses'>
  readonly logger: Logger
  readonly slots: Slots
}

/**
 * A session on its way from this stage to other peers. The stage serves the session until `letGo`. Until then, passes
 * over the cache send the rows computed so far, and the coordinator is told when few are left.
 */
export class StageHandOver {
  readonly to: readonly Successor[]
  readonly #context: StageHandOverContext
  readonly #stage: Stage
  readonly #epoch: number
  readonly #stopping = new AbortController()
  readonly #signal: AbortSignal
  readonly #copies: readonly SuccessorCopy[]
  readonly #endWatching: () => void
  /** Resolves when the passes are over, whether or not they succeeded. */
  readonly #mostSent: Promise<void>
  #left = false

  constructor(context: StageHandOverContext, stage: Stage, { to, epoch }: HandOver) {
    this.to = to
    this.#context = context
    this.#stage = stage
    this.#epoch = epoch
    this.#signal = AbortSignal.any([this.#stopping.signal, stage.freed])
    this.#copies = to.map((successor) => new SuccessorCopy(successor, stage, epoch, this.#signal))
    this.#endWatching = stage.session.journal.watch((length) => {
      for (const copy of this.#copies) copy.rewind(length)
    })
    // A failure was reported where it happened, and `letGo` finds the signal aborted.
    this.#mostSent = this.#sendMost().catch(() => undefined)
    onAbort(stage.freed, () => this.stop())
  }

  /** Whether the successors have the whole session, or the last part of it is on its way to them. */
  get left(): boolean {
    return this.#left
  }

  /**
   * Ends computing here and sends the rest. Resolves when the session has left, or cannot leave.
   * @param epoch of the route without this stage
   */
  async letGo(epoch: number): Promise<void> {
    await this.#mostSent
    const { session } = this.#stage
    // The route may have gone on with this stage meanwhile.
    if (this.#signal.aborted || epoch <= session.epoch) return
    // Nothing is computed from here on, so that what is sent is all that there is.
    await session.move({ epoch, previous: session.previous, next: session.next })
    const { progress } = session
    await this.#sendAll()
    // Set before the last message is sent: the coordinator may send `close` as soon as the last successor has it.
    this.#left = true
    for (const copy of this.#copies) await this.#attempt(copy, () => copy.sendEnd(progress))
  }

  /** The session stays here after all, or is freed. */
  stop(): void {
    this.#stopping.abort(new ShoalError('cancelled', 'the session is not handed over'))
    if (!this.#stage.freed.aborted) this.#left = false
    this.#endWatching()
    for (const copy of this.#copies) copy.release()
  }

  async #sendMost(): Promise<void> {
    const giveBack = await this.#context.slots.take(this.#signal)
    try {
      for (const copy of this.#copies) await this.#attempt(copy, () => this.#connect(copy))
      await this.#sendUntilNearlyDone()
      this.#stage.owner.outbox.post({
        type: 'handed-over',
        session: this.#stage.id,
        start: this.#stage.start,
        epoch: this.#epoch,
        length: this.#stage.session.journal.length,
      })
    } finally {
      giveBack()
    }
  }

  async #connect(copy: SuccessorCopy): Promise<void> {
    const { peer, addresses } = copy.successor
    const { hops, peers } = this.#context
    copy.connect(await hops.use(peer, peers.addresses(peer, addresses), this.#signal))
  }

  async #sendUntilNearlyDone(): Promise<void> {
    const { journal } = this.#stage.session
    for (let before = 0, done = false; !done;) {
      await this.#sendAll()
      const sent = Math.min(...this.#copies.map((copy) => copy.sent))
      done = nearlyDone(journal.length - sent, sent - before)
      before = sent
    }
  }

  async #sendAll(): Promise<void> {
    const target = this.#stage.session.journal.length
    for (const copy of this.#copies) await this.#attempt(copy, () => copy.sendUpTo(target))
  }

  /** Reports what fails as the successor's failure, since another successor may do better, and ends the hand-over. */
  async #attempt({ successor }: SuccessorCopy, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.#signal.aborted) {
        const { code, definite } = asFailure(error)
        this.#context.logger.debug('hand-over-failed', { peer: successor.peer, reason: messageOf(error) })
        this.#stage.owner.outbox.post({
          type: 'failed',
          session: this.#stage.id,
          start: successor.start,
          epoch: this.#epoch,
          step: null,
          code,
          // The cause is left out, because it may tell the coordinator what answers at an address.
          message: `the session cannot be handed over to ${successor.peer}`,
          definite,
        })
      }
      this.stop()
      throw error
    }
  }
}
