import { freeMemory, messageOf, ShoalError, timeLimit, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { IndexRange } from '@shoal/model'
import {
  protocols,
  type FormGroup,
  type GroupCall,
  type GroupMessage,
  type OpenGroupSession,
} from '@shoal/protocol'
import { createGroupRank, type GroupRank } from './group-rank.ts'
import { createLanes, type Lanes } from '../lanes/lanes.ts'
import { groupLimits, groupTimes } from '../limits.ts'
import type { HeadUse, LoadedHeads } from '../head/loaded-heads.ts'
import type { LoadedShares, ShareUse } from './loaded-shares.ts'
import { createRankLink, type RankLink } from '../rank-link.ts'
import { alsoInThread } from '../lanes/rank-thread-control.ts'

export interface MemberDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly shares: LoadedShares
  /** Null where nobody's logits are computed. */
  readonly heads: LoadedHeads | null
  /** This node's class, read once the share is loaded. */
  numericClass(): string
}

/** This node as a rank of one group. */
export interface Member {
  readonly leader: string
  /** Resolves when the share is loaded and the leader has been told. */
  form(): Promise<void>
  /** From the leader. */
  receive(message: GroupMessage, values: Float32Array): Promise<void> | void
  /** Another member has opened a channel. @throws {ShoalError} `bad-frame` when it is not the one */
  meet(rank: number, link: RankLink): (message: GroupMessage, values: Float32Array) => void
  end(error: ShoalError): void
  onEnd(listener: () => void): void
}

export function createMember(
  dependencies: MemberDependencies,
  leaderLink: RankLink,
  request: FormGroup,
): Member {
  const { transport, clock, logger, shares, heads } = dependencies
  const { group, rank, peers } = request
  const ending = new AbortController()
  const listeners: (() => void)[] = []
  const sessions = new Set<number>()
  /** Calls that were given up before their turn here. */
  const givenUp = new Set<number>()
  let lastCall = -1
  let use: ShareUse | null = null
  let lanes: Lanes | null = null
  let headUse: HeadUse | null = null
  /** Parts of the head asked for: the last one counts, whichever is loaded first. */
  let headAsked = 0
  let inOrder: Promise<void> = Promise.resolve()

  const end = (error: ShoalError): void => {
    if (ending.signal.aborted) return
    ending.abort(error)
    ranks.close(error)
    leaderLink.close()
    headUse?.release()
    const used = use
    use = null
    // Behind the call that is under way, which fails now.
    used?.release(
      inOrder.then(async () => {
        for (const session of sessions) await used.runner.close(nameOf(session))
      }),
    )
    for (const listener of listeners) listener()
  }
  const sums = {
    rank,
    peers,
    sums: request.sums,
    onLost(other: number, error: ShoalError) {
      if (other !== 0) tell(null, null, error)
      end(error)
    },
  }
  const ranks: GroupRank = alsoInThread(createGroupRank({ clock, ...sums }), () =>
    lanes === null ? null : (use?.thread ?? null),
  )
  ranks.attach(0, leaderLink)

  const nameOf = (session: number): string => `${group}/${session}`
  const tell = (asked: number | null, call: number | null, error: unknown): void => {
    const { code, definite } = error instanceof ShoalError ? error : { code: 'internal', definite: false }
    leaderLink.send({ type: 'group-failed', request: asked, call, code, message: messageOf(error), definite })
  }
  const done = (asked: number, said: { numericClass?: string; lanes?: boolean } = {}): void =>
    leaderLink.send({ type: 'group-done', request: asked, numericClass: null, ...said })
  /** From when the ranks connect on: the thread, if one makes sums, has said so by then. */
  const lanesNow = (): Lanes => {
    if (use === null) throw new ShoalError('not-ready', 'this rank has not loaded its share')
    lanes ??= createLanes({
      transport,
      clock,
      logger,
      thread: use.thread,
      possible: use.thread.form(sums),
      peers,
      signal: ending.signal,
    })
    return lanes
  }
  const runner = (): ShareUse['runner'] => {
    if (use === null) throw new ShoalError('not-ready', 'this rank has not loaded its share')
    return use.runner
  }
  const queue = (action: () => Promise<void>): Promise<void> => {
    inOrder = inOrder
      .then(action)
      .catch((error: unknown) => logger.warn('group-call-failed', { group, rank, reason: messageOf(error) }))
    return inOrder
  }

  const answer = async (asked: number, action: () => Promise<{ lanes?: boolean } | void>): Promise<void> => {
    try {
      done(asked, (await action()) ?? {})
    } catch (error) {
      tell(asked, null, error)
    }
  }
  const connect = async (): Promise<{ lanes: boolean }> => {
    const limit = timeLimit(
      clock,
      groupTimes.connectTimeoutMs,
      () =>
        new ShoalError(
          'deadline-passed',
          `no channel between ranks within ${groupTimes.connectTimeoutMs} ms`,
        ),
      ending.signal,
    )
    try {
      for (const [other, { peer, addresses }] of peers.entries()) {
        if (other <= rank) continue
        transport.learn(peer, addresses)
        const link = createRankLink(
          await transport.open(peer, protocols.group, { signal: limit.signal }),
          logger,
        )
        link.send({ type: 'group-meet', group, rank })
        link.onMessage(receiveFrom(other))
        ranks.attach(other, link)
      }
    } finally {
      limit.clear()
    }
    lanesNow().offerTo(0, (message) => leaderLink.send(message))
    return { lanes: await lanesNow().all([...peers.keys()].filter((other) => other > rank)) }
  }
  const receiveFrom =
    (other: number) =>
    (message: GroupMessage, values: Float32Array): void => {
      if (message.type === 'group-part') ranks.receive(other, message, values)
      else if (message.type === 'group-lane' && other > rank) lanesNow().taken(other, message.offer)
      else throw new ShoalError('bad-frame', `'${message.type}' does not come from rank ${other}`)
    }
  const openSession = async ({ session, tokenBudget, start, end: last }: OpenGroupSession): Promise<void> => {
    await runner().open(nameOf(session), tokenBudget, { start, end: last })
    sessions.add(session)
  }
  const loadHead = async (vocabulary: IndexRange): Promise<void> => {
    if (heads === null) throw new ShoalError('not-ready', 'this node computes no logits')
    const asked = (headAsked += 1)
    const taken = await heads.take(vocabulary)
    if (asked !== headAsked || ending.signal.aborted) {
      taken.release()
      throw new ShoalError(
        'cancelled',
        'the leader has asked for another part meanwhile, or the group has ended',
      )
    }
    headUse?.release()
    headUse = taken
  }
  const computeLogits = async (asked: number, rows: Float32Array): Promise<void> => {
    try {
      const { hiddenSize } = runner()
      if (rows.length % hiddenSize !== 0 || rows.length > groupLimits.headRowsMax * hiddenSize)
        throw new ShoalError(
          'bad-frame',
          `${rows.length} numbers are not 1 to ${groupLimits.headRowsMax} rows`,
        )
      if (headUse === null) throw new ShoalError('not-ready', 'this rank has loaded no part of the head')
      const logits = await headUse.head.logits(rows)
      leaderLink.send({ type: 'group-logits', request: asked }, logits)
      freeMemory(logits.buffer)
    } catch (error) {
      tell(asked, null, error)
    }
  }
  /** @throws {ShoalError} `limit-exceeded`, which ends the leader's channel */
  const giveUp = (call: number): void => {
    if (call <= lastCall) return
    if (givenUp.size >= groupLimits.callsAheadMax)
      throw new ShoalError(
        'limit-exceeded',
        `the leader gave up more than ${groupLimits.callsAheadMax} calls that it has not made`,
      )
    givenUp.add(call)
  }
  const compute = async (
    { call, session, position, rows }: GroupCall,
    values: Float32Array,
  ): Promise<void> => {
    ranks.collective.begin(call)
    lastCall = call
    for (const given of givenUp) if (given < call) givenUp.delete(given)
    if (givenUp.delete(call)) return
    try {
      if (values.length !== rows * runner().hiddenSize)
        throw new ShoalError('bad-frame', `${values.length} numbers are not ${rows} rows`)
      await runner().forward(nameOf(session), position, values)
    } catch (error) {
      use?.thread.catchUp()
      if (!ending.signal.aborted) tell(null, call, error)
    }
  }

  return {
    leader: leaderLink.peer,
    end,
    onEnd: (listener) => void listeners.push(listener),
    async form() {
      try {
        const split = { heads: request.heads, columns: request.columns }
        const taken = await shares.take(
          { range: { start: request.start, end: request.end }, split, rank },
          (partial) => ranks.collective.sum(partial),
          ending.signal,
        )
        if (ending.signal.aborted) {
          taken.release(Promise.resolve())
          return
        }
        use = taken
        done(request.request, { numericClass: dependencies.numericClass() })
      } catch (error) {
        tell(request.request, null, error)
        end(
          error instanceof ShoalError
            ? error
            : new ShoalError('internal', messageOf(error), { cause: error }),
        )
      }
    },
    receive(message, values) {
      switch (message.type) {
        case 'group-part':
          ranks.receive(0, message, values)
          return
        case 'group-call':
          return queue(() => compute(message, values))
        case 'group-head-load':
          return answer(message.request, () => loadHead(message))
        case 'group-head':
          return computeLogits(message.request, values)
        case 'group-connect':
          return answer(message.request, connect)
        case 'group-open':
          return queue(() => answer(message.request, () => openSession(message)))
        case 'group-truncate':
          return queue(() => runner().truncate(nameOf(message.session), message.length))
        case 'group-close':
          return queue(async () => {
            // When the group has ended, that closes those that are open.
            const open = use?.runner
            if (open !== undefined && sessions.delete(message.session))
              await open.close(nameOf(message.session))
          })
        case 'group-failed':
          if (message.call === null) return
          giveUp(message.call)
          ranks.collective.fail(
            message.call,
            new ShoalError('cancelled', `the leader gave call ${message.call} up: ${message.message}`),
          )
          return
        case 'group-lanes':
          use?.thread.use()
          return
        case 'group-form':
        case 'group-lane':
        case 'group-done':
        case 'group-logits':
        case 'group-meet':
        case 'group-echo':
          throw new ShoalError('bad-frame', `'${message.type}' does not come from the leader of a group`)
      }
    },
    meet(other, link) {
      if (peers[other]?.peer !== link.peer || other >= rank || other === 0)
        throw new ShoalError('bad-frame', `${link.peer} is not rank ${other} of this group`)
      ranks.attach(other, link)
      lanesNow().offerTo(other, (message) => link.send(message))
      return receiveFrom(other)
    },
  }
}
