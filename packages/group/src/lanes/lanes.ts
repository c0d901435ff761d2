import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { GroupMessage } from '@shoal/protocol'
import { groupTimes } from '../limits.ts'
import type { RankThread } from './rank-thread-control.ts'
import type { LaneOffer } from './thread-messages.ts'

/** How long lanes are waited for, all together: an offer and what is made of it. */
const lanesWaitMs = 2 * groupTimes.laneTimeoutMs

export interface LanesOptions {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly thread: RankThread
  /** False when there is no thread that would make sums: nobody is offered a lane. */
  readonly possible: boolean
  readonly peers: readonly { readonly peer: string }[]
  readonly signal: AbortSignal
}

/** How one rank comes to lanes: it offers them to the ranks below it, and takes up what those above it offer. */
export interface Lanes {
  offerTo(rank: number, send: (message: GroupMessage) => void): void
  /** @throws {ShoalError} `bad-frame` for a second one: each would be a socket */
  taken(rank: number, offer: LaneOffer | null): void
  /** Whether there is a lane to each of these ranks, once all of them have been heard of, or after a while. */
  all(ranks: readonly number[]): Promise<boolean>
}

export function createLanes({
  transport,
  clock,
  logger,
  thread,
  possible,
  peers,
  signal,
}: LanesOptions): Lanes {
  const made = new Map<number, PromiseWithResolvers<boolean>>()
  const heard = new Set<number>()
  const laneTo = (rank: number): PromiseWithResolvers<boolean> => {
    const known = made.get(rank) ?? Promise.withResolvers<boolean>()
    made.set(rank, known)
    return known
  }
  const placeOf = (rank: number): ReturnType<NonNullable<Transport['direct']>> =>
    transport.direct?.(peers[rank]?.peer ?? '') ?? null

  return {
    offerTo(rank, send) {
      const host = placeOf(rank)?.host ?? null
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
    taken(rank, offer) {
      if (heard.has(rank))
        throw new ShoalError('bad-frame', `rank ${rank} has said already whether it has a lane`)
      heard.add(rank)
      const { resolve } = laneTo(rank)
      const address = placeOf(rank)?.address
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
