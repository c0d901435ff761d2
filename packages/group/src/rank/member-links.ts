import { ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { protocols, type FormGroup, type GroupMessage } from '@shoal/protocol'
import { createLanes, type Lanes } from '../lanes/lanes.ts'
import { groupTimes } from '../limits.ts'
import { createRankLink, type RankLink } from '../rank-link.ts'
import type { RankThread } from '../lanes/rank-thread-control.ts'
import type { GroupRank } from './group-rank.ts'

export interface MemberLinksOptions {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly request: FormGroup
  readonly leaderLink: RankLink
  readonly ranks: GroupRank
  /** The computing thread of the loaded share, once it has been told of the group. @throws {ShoalError} `not-ready` before */
  formThread(): { readonly thread: RankThread; readonly possible: boolean }
  readonly ending: AbortSignal
}

/** A member's channels and lanes to the other ranks. It opens those to higher ranks, and lower ranks open theirs to it. */
export class MemberLinks {
  readonly #options: MemberLinksOptions
  #lanes: Lanes | null = null

  constructor(options: MemberLinksOptions) {
    this.#options = options
  }

  /** Whether lanes were started, and so the computing thread was told of the group. There may be no lane yet, or ever. */
  get hasLanes(): boolean {
    return this.#lanes !== null
  }

  /** Connects to all higher ranks. @returns whether there are lanes to all of them @throws {ShoalError} `deadline-passed`, `unreachable` */
  async connect(): Promise<{ readonly lanes: boolean }> {
    const { leaderLink, request } = this.#options
    await this.#openChannels()
    this.#startedLanes().offerTo(0, (message) => leaderLink.send(message))
    const higher = [...request.peers.keys()].filter((other) => other > request.rank)
    return { lanes: await this.#startedLanes().all(higher) }
  }

  /**
   * Takes the channel that a lower rank has opened.
   * @returns what receives its messages
   * @throws {ShoalError} `bad-frame` when the peer is not that rank
   */
  meet(other: number, link: RankLink): (message: GroupMessage, values: Float32Array) => void {
    const { request, ranks } = this.#options
    if (request.peers[other]?.peer !== link.peer || other >= request.rank || other === 0)
      throw new ShoalError('bad-frame', `${link.peer} is not rank ${other} of this group`)
    ranks.attach(other, link)
    this.#startedLanes().offerTo(other, (message) => link.send(message))
    return this.#receiveFrom(other)
  }

  async #openChannels(): Promise<void> {
    const { transport, clock, logger, request, ranks, ending } = this.#options
    const { group, rank, peers } = request
    const limit = timeLimit(
      clock,
      groupTimes.connectTimeoutMs,
      () =>
        new ShoalError(
          'deadline-passed',
          `no channel between ranks within ${groupTimes.connectTimeoutMs} ms`,
        ),
      ending,
    )
    try {
      for (const [other, { peer, addresses }] of peers.entries()) {
        if (other <= rank) continue
        transport.learn(peer, addresses)
        const channel = await transport.open(peer, protocols.group, { signal: limit.signal })
        const link = createRankLink(channel, logger)
        link.send({ type: 'group-meet', group, rank })
        link.onMessage(this.#receiveFrom(other))
        ranks.attach(other, link)
      }
    } finally {
      limit.clear()
    }
  }

  #receiveFrom(other: number): (message: GroupMessage, values: Float32Array) => void {
    const { ranks, request } = this.#options
    return (message, values) => {
      if (message.type === 'group-part') ranks.receive(other, message, values)
      else if (message.type === 'group-lane' && other > request.rank)
        this.#startedLanes().accept(other, message.offer)
      else throw new ShoalError('bad-frame', `'${message.type}' does not come from rank ${other}`)
    }
  }

  /** Lanes start when ranks connect: by then the share is loaded, and its computing thread, if there is one, is ready. */
  #startedLanes(): Lanes {
    const { transport, clock, logger, request, ending } = this.#options
    this.#lanes ??= createLanes({
      transport,
      clock,
      logger,
      ...this.#options.formThread(),
      peers: request.peers,
      signal: ending,
    })
    return this.#lanes
  }
}
