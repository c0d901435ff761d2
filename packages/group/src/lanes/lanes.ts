import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { GroupMessage } from '@shoal/protocol'
import { groupTimes } from '../limits.ts'
import type { RankThread } from './rank-thread-control.ts'
import type { LaneOffer } from './thread-messages.ts'

/** How long a rank waits for all its lanes together: for the offers, and then for the connections. */
const lanesWaitMs = 2 * groupTimes.laneTimeoutMs

export interface LanesOptions {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly thread: RankThread
  /** Whether a computing thread listens. Otherwise no lanes are offered or accepted. */
  readonly possible: boolean
  readonly peers: readonly { readonly peer: string }[]
  readonly signal: AbortSignal
}

/** How one rank gets its lanes: it offers them to lower ranks, and accepts the offers of higher ranks. */
export interface Lanes {
  /** Sends an offer to a lower rank, or the message that there is none. */
  offerTo(rank: number, send: (message: GroupMessage) => void): void
  /** Accepts the offer of a higher rank. @throws {ShoalError} `bad-frame` for a second offer, because each costs a socket */
  accept(rank: number, offer: LaneOffer | null): void
  /** Whether there is a lane to each of these ranks, once all of them have sent an offer or a time limit has passed. */
  all(ranks: readonly number[]): Promise<boolean>
}

export function createLanes(options: LanesOptions): Lanes {
  const { transport, clock, logger, thread, possible, peers, signal } = options
  const made = new Map<number, PromiseWithResolvers<boolean>>()
  const offered = new Set<number>()
  const laneTo = (rank: number): PromiseWithResolvers<boolean> => {
    const known = made.get(rank) ?? Promise.withResolvers<boolean>()
    made.set(rank, known)
    return known
  }
  /** The addresses of both ends of the direct connection to a rank; null without one. */
  const directTo = (rank: number): ReturnType<NonNullable<Transport['direct']>> =>
    transport.direct?.(peers[rank]?.peer ?? '') ?? null

  return {
    offerTo(rank, send) {
      const host = directTo(rank)?.host ?? null
      if (!possible || host === null) {
        send({ type: 'group-lane', offer: null })
        return
      }
      thread.listen(rank, host, signal).then(
        (offer) => send({ type: 'group-lane', offer }),
        (error: unknown) => {
          logger.debug('no-lane', { rank, reason: messageOf(error) })
          send({ type: 'group-lane', offer: null })
        },
      )
    },
    accept(rank, offer) {
      if (offered.has(rank))
        throw new ShoalError('bad-frame', `rank ${rank} has offered a lane already, or none`)
      offered.add(rank)
      const { resolve } = laneTo(rank)
      const address = directTo(rank)?.address
      if (!possible || offer === null || address === undefined) {
        resolve(false)
        return
      }
      thread.connect(rank, address, offer, signal).then(
        () => resolve(true),
        (error: unknown) => {
          logger.debug('no-lane', { rank, reason: messageOf(error) })
          resolve(false)
        },
      )
    },
    async all(ranks) {
      const waited = ranks.map(laneTo)
      const timer = clock.after(lanesWaitMs, () => {
        for (const { resolve } of waited) resolve(false)
      })
      const lanes = await Promise.all(waited.map(({ promise }) => promise))
      timer.cancel()
      return lanes.every(Boolean)
    },
  }
}
