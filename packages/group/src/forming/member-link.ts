import { ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { protocols, type GroupDone, type GroupLogits, type GroupMessage } from '@shoal/protocol'
import { groupTimes } from '../limits.ts'
import { createRankLink, rankLost, type RankLink } from '../rank-link.ts'
import type { GroupPeer } from './formation.ts'
import { createRequests, type Requests } from './requests.ts'

export type MemberAnswer = GroupDone | (GroupLogits & { readonly logits: Float32Array })

/** The leader's link to one member. */
export interface MemberLink {
  readonly link: RankLink
  readonly requests: Requests<MemberAnswer>
}

export interface LinkDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

/** Opens a channel to a member. @param name the member's name in error messages @throws {ShoalError} `deadline-passed`, `unreachable` */
export async function openMemberLink(
  { transport, clock, logger }: LinkDependencies,
  { peer, addresses }: GroupPeer,
  name: string,
  signal: AbortSignal,
): Promise<MemberLink> {
  transport.learn(peer, addresses)
  const limit = timeLimit(
    clock,
    groupTimes.connectTimeoutMs,
    () => new ShoalError('deadline-passed', `no channel to ${name} within ${groupTimes.connectTimeoutMs} ms`),
    signal,
  )
  try {
    const channel = await transport.open(peer, protocols.group, { signal: limit.signal })
    const link = createRankLink(channel, logger)
    const requests = createRequests<MemberAnswer>(clock, name)
    link.onClose((error) => requests.close(rankLost(name, error)))
    return { link, requests }
  } finally {
    limit.clear()
  }
}

/** Makes a request that is answered by `group-done`. @throws {ShoalError} `deadline-passed`, `bad-frame`, the member's error, or the signal's reason */
export async function askMember(
  { link, requests }: MemberLink,
  make: (request: number) => GroupMessage,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<GroupDone> {
  const answer = await requests.make((request) => link.send(make(request)), timeoutMs, signal)
  if (answer.type !== 'group-done')
    throw new ShoalError('bad-frame', `'${answer.type}' answers something else`)
  return answer
}
