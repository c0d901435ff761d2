import { ShoalError, silentLogger, type Clock } from '@shoal/host'
import { createGroupRank, type GroupRank } from '../rank/group-rank.ts'
import { createRankLink } from '../rank-link.ts'
import type { LaneChannel } from './lane-sockets.ts'
import { plainError, type FromThread, type ToThread } from './thread-messages.ts'

/** A group as the computing thread of one of its ranks knows it. */
export class ThreadGroup {
  readonly peers: readonly { readonly peer: string }[]
  readonly #ranks: GroupRank
  readonly #tell: (message: FromThread) => void
  readonly #ending = new AbortController()
  #using = false
  /** The message about a lane that ended. It is kept until lanes are used: before, the channels say which ranks are lost. */
  #lost: FromThread | null = null

  constructor(clock: Clock, form: Extract<ToThread, { type: 'form' }>, tell: (message: FromThread) => void) {
    const { group, rank, peers, sums } = form
    this.peers = peers
    this.#tell = tell
    this.#ranks = createGroupRank({
      clock,
      rank,
      peers,
      sums,
      onLost: (other, error) => {
        if (this.ended.aborted) return
        this.#lost = { type: 'lost', group, rank: other, error: plainError(error) }
        if (this.#using) this.#tell(this.#lost)
      },
    })
  }

  get ended(): AbortSignal {
    return this.#ending.signal
  }

  /** Whether sums are made over the lanes. */
  get using(): boolean {
    return this.#using
  }

  /** Sends and receives parts for a rank over this lane. A lane that was made too late for its group is closed. */
  attach(rank: number, channel: LaneChannel): void {
    if (this.ended.aborted) {
      channel.abort(groupOver())
      return
    }
    const link = createRankLink(channel, silentLogger)
    link.onMessage((message, values) => {
      if (message.type !== 'group-part')
        throw new ShoalError('bad-frame', `'${message.type}' does not come over a lane`)
      this.#ranks.receive(rank, message, values)
    })
    this.#ranks.attach(rank, link)
  }

  use(): void {
    this.#using = true
    if (this.#lost !== null) this.#tell(this.#lost)
  }

  begin(call: number): void {
    this.#ranks.collective.begin(call)
  }

  fail(call: number, error: ShoalError): void {
    this.#ranks.collective.fail(call, error)
  }

  sum(partial: Float32Array): Promise<Float32Array> {
    return this.#ranks.collective.sum(partial)
  }

  end(error: ShoalError): void {
    this.#ending.abort(error)
    this.#ranks.close(error)
  }
}

export function groupOver(): ShoalError {
  return new ShoalError('cancelled', 'this group is over')
}
