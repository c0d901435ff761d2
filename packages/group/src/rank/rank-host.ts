import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { protocols, type FormGroup, type GroupMessage } from '@shoal/protocol'
import { groupLimits } from '../limits.ts'
import { createEcho } from './echo.ts'
import { createLoadedHeads, type LoadHead } from '../head/loaded-heads.ts'
import { createLoadedShares, type LoadShare } from './loaded-shares.ts'
import { createMember, type Member } from './rank-member.ts'
import { createRankLink, type RankLink } from '../rank-link.ts'

export interface RankHostOptions {
  readonly manifestId: string
  /** Short name of the numeric profile. */
  readonly profile: string
  /** Read for each group that is formed. */
  readonly numericClass: string
  readonly load: LoadShare
  /** Parts of the head for leaders that answer; none when absent. */
  readonly loadHead?: LoadHead
  /** Whether this peer may make this node a rank: it costs memory and time. May throw a `ShoalError` that says more than a no. */
  accepts(leader: string, request: FormGroup): boolean
}

/** Serves groups that others lead. */
export interface RankHost {
  /** Groups that this node is a member of. */
  readonly groups: number
  /** Peers that lead them. */
  leaders(): readonly string[]
  close(): Promise<void>
}

type Receive = (message: GroupMessage, values: Float32Array) => Promise<void> | void

export function createRankHost(
  dependencies: { readonly transport: Transport; readonly clock: Clock; readonly logger: Logger },
  options: RankHostOptions,
): RankHost {
  const { transport, clock, logger } = dependencies
  const shares = createLoadedShares(clock, options.load)
  const heads = options.loadHead === undefined ? null : createLoadedHeads(clock, options.loadHead)
  const members = new Map<string, Member>()
  let closed = false

  const check = (leader: string, request: FormGroup): void => {
    const { manifest, profile, group, rank, peers } = request
    if (closed) throw new ShoalError('not-ready', 'this node is closing')
    if (manifest !== options.manifestId)
      throw new ShoalError(
        'wrong-manifest',
        `this node serves manifest ${options.manifestId}, not ${manifest}`,
      )
    if (profile !== options.profile)
      throw new ShoalError('wrong-profile', `this node computes ${options.profile}, not ${profile}`)
    if (!options.accepts(leader, request))
      throw new ShoalError('no-capacity', 'this node is no rank of groups that you lead')
    if (peers[0]?.peer !== leader || peers[rank]?.peer !== transport.peerId)
      throw new ShoalError('bad-request', 'the leader is rank 0, and a rank is asked by its own name')
    if (members.has(group)) throw new ShoalError('bad-request', 'this group exists here')
    if (members.size >= groupLimits.groupsMax)
      throw new ShoalError('no-capacity', `this node is a rank of ${groupLimits.groupsMax} groups already`)
  }

  const form = (link: RankLink, request: FormGroup): Receive => {
    try {
      check(link.peer, request)
    } catch (error) {
      const { code, definite } = error instanceof ShoalError ? error : { code: 'internal', definite: false }
      link.send({
        type: 'group-failed',
        request: request.request,
        call: null,
        code,
        message: messageOf(error),
        definite,
      })
      return () => undefined
    }
    // A leader that forms its group again has given the one before up, even if its channel's end has not arrived yet.
    for (const member of members.values()) {
      if (member.leader === link.peer)
        member.end(new ShoalError('cancelled', 'the leader forms this group again'))
    }
    const member = createMember(
      { transport, clock, logger, shares, heads, numericClass: () => options.numericClass },
      link,
      request,
    )
    members.set(request.group, member)
    member.onEnd(() => members.delete(request.group))
    void member.form()
    logger.info('group-joined', {
      group: request.group,
      leader: link.peer,
      rank: request.rank,
      ranks: request.peers.length,
    })
    return (message, values) => member.receive(message, values)
  }

  const accept = (channel: Channel): void => {
    const link = createRankLink(channel, logger)
    let receive: Receive = (message, values) => {
      if (message.type === 'group-form') receive = form(link, message)
      else if (message.type === 'group-meet') receive = meet(link, message.group, message.rank)
      else if (message.type === 'group-echo') {
        const echo = createEcho(link)
        receive = echo
        echo(message, values)
      } else throw new ShoalError('bad-frame', `'${message.type}' before anybody said who this is about`)
    }
    link.onMessage((message, values) => receive(message, values))
  }

  const meet = (link: RankLink, group: string, rank: number): Receive => {
    const member = members.get(group)
    if (member === undefined) throw new ShoalError('bad-frame', 'no such group is here')
    return member.meet(rank, link)
  }

  transport.handle(protocols.group, accept)
  return {
    get groups() {
      return members.size
    },
    leaders: () => [...members.values()].map(({ leader }) => leader),
    async close() {
      closed = true
      for (const member of members.values()) member.end(new ShoalError('not-ready', 'this node is closing'))
      await shares.close()
      await heads?.close()
    },
  }
}
