import { messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { BlockRange, BlockSplit, IndexRange } from '@shoal/model'
import type { Transport } from '@shoal/network'
import { protocols, type GroupDone, type GroupLogits, type GroupMessage } from '@shoal/protocol'
import { createGroupRank, type SumTable } from '../rank/group-rank.ts'
import { createLanes, type Lanes } from '../lanes/lanes.ts'
import { groupTimes } from '../limits.ts'
import { createRankLink, rankLost, type RankLink } from '../rank-link.ts'
import { alsoInThread, type RankThread } from '../lanes/rank-thread-control.ts'
import { createRequests, failureOf, type Requests } from './requests.ts'

export interface GroupPeer {
  readonly peer: string
  readonly addresses: readonly string[]
}

export interface FormationOptions {
  readonly group: string
  readonly manifestId: string
  readonly profile: string
  readonly hiddenSize: number
  readonly range: BlockRange
  readonly split: BlockSplit
  readonly sums: SumTable
  /** By rank; the first is this node. */
  readonly peers: readonly GroupPeer[]
  /** Where this node's sums may be made. */
  readonly thread: RankThread
  /** A rank was lost: also while nothing is computed. */
  onBroken?(): void
}

/** A group as its leader has formed it. When a rank is lost it is over; another one is formed in its place. */
export interface Formation {
  /** Numeric classes of ranks 1 and up. */
  readonly classes: readonly string[]
  /** Which rank was lost and how; `rank` null when it is only known that the ranks do not reach each other. */
  readonly broken: { readonly rank: number | null; readonly error: ShoalError } | null
  sum(partial: Float32Array): Promise<Float32Array>
  /** Makes room at every member. @throws {ShoalError} the first refusal; then it is open nowhere */
  open(session: number, tokenBudget: number, part: BlockRange, signal: AbortSignal): Promise<void>
  /** One call at every rank; `compute` is this one's. When it fails, no member has the rows. */
  call(
    session: number,
    position: number,
    hidden: Float32Array,
    compute: () => Promise<Float32Array>,
  ): Promise<Float32Array>
  truncate(session: number, length: number): void
  close(session: number): void
  /** Has a member load a part of the head. @throws {ShoalError} what kept it from it */
  loadHead(rank: number, vocabulary: IndexRange): Promise<void>
  /** A member's part of the logits of these rows. @throws {ShoalError} `deadline-passed`, `peer-vanished`, or its own words */
  logits(rank: number, hidden: Float32Array): Promise<Float32Array>
  /** Breaks it: a rank does not answer. */
  lose(rank: number, error: ShoalError): void
  end(): void
}

interface MemberLink {
  readonly link: RankLink
  readonly requests: Requests<Answer>
}

type Answer = GroupDone | (GroupLogits & { readonly logits: Float32Array })

/** Asks every member to load its share and to connect to the others. @throws {RankError} what kept one of them from it */
export async function formGroup(
  dependencies: { readonly transport: Transport; readonly clock: Clock; readonly logger: Logger },
  options: FormationOptions,
  signal: AbortSignal,
): Promise<Formation> {
  const { transport, clock, logger } = dependencies
  const { group, range, split, sums, thread } = options
  // Only what travels.
  const peers = options.peers.map(({ peer, addresses }) => ({ peer, addresses }))
  const ending = new AbortController()
  const members = new Map<number, MemberLink>()
  let lanes: Lanes | null = null
  let broken: Formation['broken'] = null
  let nextCall = 0

  const lose = (rank: number | null, error: ShoalError): void => {
    if (broken !== null || ending.signal.aborted) return
    broken = { rank, error }
    ranks.collective.close(error)
    for (const { requests } of members.values()) requests.close(error)
    options.onBroken?.()
  }
  const ranks = alsoInThread(createGroupRank({ clock, rank: 0, peers, sums, onLost: lose }), () =>
    lanes === null ? null : thread,
  )
  /** Once a rank is lost all requests fail, whomever they asked: it is the lost one that keeps the others from it. */
  const blamed = (error: unknown): unknown =>
    broken === null ? error : new RankError(broken.rank, broken.error)
  const all = (message: GroupMessage, values?: Float32Array): void => {
    for (const { link } of members.values()) link.send(message, values)
  }

  const receiveFrom =
    (rank: number, { requests }: MemberLink) =>
    (message: GroupMessage, values: Float32Array): void => {
      switch (message.type) {
        case 'group-part':
          ranks.receive(rank, message, values)
          return
        case 'group-done':
          requests.answer(message.request, message)
          return
        case 'group-logits':
          requests.answer(message.request, { ...message, logits: values })
          return
        case 'group-failed':
          if (message.request !== null) requests.refuse(message.request, message)
          else if (message.call !== null)
            ranks.collective.fail(message.call, failureOf(ranks.nameOf(rank), message))
          else lose(null, failureOf(ranks.nameOf(rank), message))
          return
        case 'group-lane':
          lanes?.taken(rank, message.offer)
          return
        case 'group-form':
        case 'group-lanes':
        case 'group-connect':
        case 'group-open':
        case 'group-truncate':
        case 'group-close':
        case 'group-meet':
        case 'group-call':
        case 'group-echo':
        case 'group-head-load':
        case 'group-head':
          throw new ShoalError('bad-frame', `'${message.type}' does not come from a member`)
      }
    }
  const connect = async (rank: number, { peer, addresses }: GroupPeer): Promise<MemberLink> => {
    transport.learn(peer, addresses)
    const limit = timeLimit(
      clock,
      groupTimes.connectTimeoutMs,
      () =>
        new ShoalError(
          'deadline-passed',
          `no channel to ${ranks.nameOf(rank)} within ${groupTimes.connectTimeoutMs} ms`,
        ),
      signal,
    )
    try {
      const link = createRankLink(
        await transport.open(peer, protocols.group, { signal: limit.signal }),
        logger,
      )
      const member = { link, requests: createRequests<Answer>(clock, ranks.nameOf(rank)) }
      members.set(rank, member)
      link.onMessage(receiveFrom(rank, member))
      link.onClose((error) => member.requests.close(rankLost(ranks.nameOf(rank), error)))
      ranks.attach(rank, link)
      return member
    } finally {
      limit.clear()
    }
  }
  const form = async (rank: number, peer: GroupPeer): Promise<string> => {
    try {
      const { link, requests } = await connect(rank, peer)
      const { manifestId, profile } = options
      const { heads, columns } = split
      const { numericClass } = doneOf(
        await requests.make(
          (request) =>
            link.send({
              type: 'group-form',
              request,
              group,
              manifest: manifestId,
              profile,
              start: range.start,
              end: range.end,
              rank,
              heads,
              columns,
              sums,
              peers,
            }),
          groupTimes.formTimeoutMs,
          signal,
        ),
      )
      return numericClass ?? 'none'
    } catch (error) {
      throw new RankError(rank, error)
    }
  }
  const ask = (
    make: (request: number) => GroupMessage,
    timeoutMs: number,
    ended: AbortSignal,
  ): Promise<GroupDone[]> =>
    Promise.all(
      [...members].map(async ([rank, { link, requests }]) => {
        try {
          return doneOf(await requests.make((request) => link.send(make(request)), timeoutMs, ended))
        } catch (error) {
          throw new RankError(rank, error)
        }
      }),
    )

  const memberOf = (rank: number): MemberLink => {
    const member = members.get(rank)
    if (member === undefined) throw new ShoalError('internal', `there is no rank ${rank}`)
    return member
  }
  const end = (): void => {
    ending.abort()
    ranks.close(new ShoalError('cancelled', 'the group has ended'))
    for (const { requests } of members.values())
      requests.close(new ShoalError('cancelled', 'the group has ended'))
  }
  let classes: string[]
  try {
    classes = await Promise.all(peers.slice(1).map((peer, index) => form(index + 1, peer)))
    lanes = createLanes({
      transport,
      clock,
      logger,
      thread,
      possible: thread.form({ rank: 0, peers, sums, onLost: lose }),
      peers,
      signal: ending.signal,
    })
    const connected = await ask(
      (request) => ({ type: 'group-connect', request }),
      groupTimes.connectTimeoutMs,
      signal,
    )
    if ((await lanes.all([...members.keys()])) && connected.every((done) => done.lanes === true)) {
      all({ type: 'group-lanes' })
      thread.use()
      logger.info('group-lanes', { ranks: peers.length })
    }
  } catch (error) {
    end()
    throw blamed(error)
  }

  return {
    classes,
    get broken() {
      return broken
    },
    sum: (partial) => ranks.collective.sum(partial),
    async open(session, tokenBudget, part, ended) {
      try {
        await ask(
          (request) => ({
            type: 'group-open',
            request,
            session,
            tokenBudget,
            start: part.start,
            end: part.end,
          }),
          groupTimes.openTimeoutMs,
          ended,
        )
      } catch (error) {
        all({ type: 'group-close', session })
        throw blamed(error)
      }
    },
    async call(session, position, hidden, compute) {
      if (broken !== null) throw broken.error
      const call = nextCall
      nextCall += 1
      ranks.collective.begin(call)
      all({ type: 'group-call', call, session, position, rows: hidden.length / options.hiddenSize }, hidden)
      try {
        return await compute()
      } catch (error) {
        thread.catchUp()
        const { code, definite } = error instanceof ShoalError ? error : { code: 'internal', definite: false }
        all({ type: 'group-failed', request: null, call, code, message: messageOf(error), definite })
        // A member may have come to the end of the call.
        all({ type: 'group-truncate', session, length: position })
        throw error
      }
    },
    truncate: (session, length) => all({ type: 'group-truncate', session, length }),
    close: (session) => all({ type: 'group-close', session }),
    async loadHead(rank, { start, end: last }) {
      const { link, requests } = memberOf(rank)
      await requests.make(
        (request) => link.send({ type: 'group-head-load', request, start, end: last }),
        groupTimes.formTimeoutMs,
        ending.signal,
      )
    },
    async logits(rank, hidden) {
      const { link, requests } = memberOf(rank)
      const answer = await requests.make(
        (request) => link.send({ type: 'group-head', request }, hidden),
        groupTimes.headDeadlineMs,
        ending.signal,
      )
      if (answer.type !== 'group-logits')
        throw new ShoalError('bad-frame', `${ranks.nameOf(rank)} was asked for logits`)
      return answer.logits
    },
    lose,
    end,
  }
}

function doneOf(answer: Answer): GroupDone {
  if (answer.type !== 'group-done')
    throw new ShoalError('bad-frame', `'${answer.type}' answers something else`)
  return answer
}

/** What kept a rank from taking its place; null when it is only known that the ranks do not reach each other. */
export class RankError extends ShoalError {
  readonly rank: number | null

  constructor(rank: number | null, cause: unknown) {
    const { code, definite } =
      cause instanceof ShoalError ? cause : { code: 'internal' as const, definite: false }
    super(code, messageOf(cause), { definite, cause })
    this.rank = rank
  }
}
