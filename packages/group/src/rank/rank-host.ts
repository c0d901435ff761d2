import { ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { protocols, type FormGroup, type GroupMessage } from '@shoal/protocol'
import { createLoadedHeads, type LoadedHeads, type LoadHead } from '../head/loaded-heads.ts'
import { createRankLink, type RankLink } from '../rank-link.ts'
import { checkForm } from './check-form.ts'
import { createEcho } from './echo.ts'
import { createLeaderAnswers } from './leader-answers.ts'
import { createLoadedShares, type LoadedShares, type LoadShare } from './loaded-shares.ts'
import { RankMember } from './rank-member.ts'

export interface RankHostDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

export interface RankHostOptions {
  readonly manifestId: string
  /** Short name of the numeric profile. */
  readonly profile: string
  /** Read for each group that is formed. */
  readonly numericClass: string
  readonly load: LoadShare
  /** Loads parts of the head for leaders that are coordinators. When absent, this node computes no logits. */
  readonly loadHead?: LoadHead
  /**
   * Whether this peer may make this node a rank, which costs memory and computing time. It may throw a `ShoalError` that
   * explains a refusal.
   */
  accepts(leader: string, request: FormGroup): boolean
}

/** Makes this node a member of groups that other peers lead. */
export interface RankHost {
  /** How many groups this node is a member of. */
  readonly groups: number
  /** Peer ids of the leaders of these groups. */
  leaders(): readonly string[]
  close(): Promise<void>
}

export function createRankHost(dependencies: RankHostDependencies, options: RankHostOptions): RankHost {
  const host = new GroupMemberships(dependencies, options)
  dependencies.transport.handle(protocols.group, (channel) => host.accept(channel))
  return host
}

type Receive = (message: GroupMessage, values: Float32Array) => Promise<void> | void

class GroupMemberships implements RankHost {
  readonly #dependencies: RankHostDependencies
  readonly #options: RankHostOptions
  readonly #shares: LoadedShares
  readonly #heads: LoadedHeads | null
  readonly #members = new Map<string, RankMember>()
  #closing = false

  constructor(dependencies: RankHostDependencies, options: RankHostOptions) {
    const { clock } = dependencies
    this.#dependencies = dependencies
    this.#options = options
    this.#shares = createLoadedShares(clock, options.load)
    this.#heads = options.loadHead === undefined ? null : createLoadedHeads(clock, options.loadHead)
  }

  get groups(): number {
    return this.#members.size
  }

  leaders(): readonly string[] {
    return [...this.#members.values()].map(({ leader }) => leader)
  }

  /** Takes a channel, whose first message says what it is for. */
  accept(channel: Channel): void {
    const link = createRankLink(channel, this.#dependencies.logger)
    let receive: Receive = (message, values) => {
      if (message.type === 'group-form') receive = this.#form(link, message)
      else if (message.type === 'group-meet') receive = this.#meet(link, message.group, message.rank)
      else if (message.type === 'group-echo') {
        receive = createEcho(link)
        return receive(message, values)
      } else throw new ShoalError('bad-frame', `'${message.type}' is not the first message of a channel`)
    }
    link.onMessage((message, values) => receive(message, values))
  }

  async close(): Promise<void> {
    this.#closing = true
    for (const member of this.#members.values())
      member.end(new ShoalError('not-ready', 'this node is closing'))
    await this.#shares.close()
    await this.#heads?.close()
  }

  /** Joins a group, or tells its leader why not. */
  #form(link: RankLink, request: FormGroup): Receive {
    try {
      this.#check(link.peer, request)
    } catch (error) {
      createLeaderAnswers(link).requestFailed(request.request, error)
      return () => undefined
    }
    // A leader that forms its group again has abandoned the one before, even if the end of its channel has not arrived yet.
    for (const member of this.#members.values()) {
      if (member.leader === link.peer)
        member.end(new ShoalError('cancelled', 'the leader forms this group again'))
    }
    const options = this.#options
    const member = new RankMember(
      {
        ...this.#dependencies,
        shares: this.#shares,
        heads: this.#heads,
        numericClass: () => options.numericClass,
      },
      link,
      request,
    )
    const { group, rank, peers } = request
    link.widen()
    this.#members.set(group, member)
    member.onEnd(() => this.#members.delete(group))
    member.form().catch((error: unknown) => member.end(new ShoalError('internal', String(error))))
    this.#dependencies.logger.info('group-joined', { group, leader: link.peer, rank, ranks: peers.length })
    return (message, values) => member.receive(message, values)
  }

  #check(leader: string, request: FormGroup): void {
    const { manifestId, profile } = this.#options
    checkForm(leader, request, {
      manifestId,
      profile,
      self: this.#dependencies.transport.peerId,
      closing: this.#closing,
      groups: this.#members,
      accepts: (...given) => this.#options.accepts(...given),
    })
  }

  #meet(link: RankLink, group: string, rank: number): Receive {
    const member = this.#members.get(group)
    if (member === undefined) throw new ShoalError('bad-frame', 'no such group is here')
    const receive = member.meet(rank, link)
    link.widen()
    return receive
  }
}
