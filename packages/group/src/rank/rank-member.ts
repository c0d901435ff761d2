import { freeMemory, messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Transport } from '@shoal/network'
import type { FormGroup, GroupCall, GroupMessage, OpenGroupSession } from '@shoal/protocol'
import type { LoadedHeads } from '../head/loaded-heads.ts'
import { MemberHead } from '../head/member-head.ts'
import { alsoInThread } from '../lanes/also-in-thread.ts'
import type { RankLink } from '../rank-link.ts'
import { CallOrder } from './call-order.ts'
import { createGroupRank, type GroupRank } from './group-rank.ts'
import { createLeaderAnswers, type LeaderAnswers } from './leader-answers.ts'
import type { LoadedShares, ShareUse } from './loaded-shares.ts'
import { MemberLinks } from './member-links.ts'

export interface RankMemberDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly shares: LoadedShares
  /** Null where this node computes no logits. */
  readonly heads: LoadedHeads | null
  /** This node's numeric class, read once the share is loaded. */
  numericClass(): string
}

/** This node as a member of one group, which another peer leads. */
export class RankMember {
  readonly leader: string
  readonly #dependencies: RankMemberDependencies
  readonly #leaderLink: RankLink
  readonly #request: FormGroup
  readonly #ending = new AbortController()
  readonly #endListeners: (() => void)[] = []
  readonly #answers: LeaderAnswers
  readonly #ranks: GroupRank
  readonly #links: MemberLinks
  readonly #head: MemberHead
  readonly #calls = new CallOrder()
  readonly #sessions = new Set<number>()
  #share: ShareUse | null = null
  #inOrder: Promise<void> = Promise.resolve()

  constructor(dependencies: RankMemberDependencies, leaderLink: RankLink, request: FormGroup) {
    const { transport, clock, logger } = dependencies
    this.leader = leaderLink.peer
    this.#dependencies = dependencies
    this.#leaderLink = leaderLink
    this.#request = request
    this.#answers = createLeaderAnswers(leaderLink)
    const sums = {
      rank: request.rank,
      peers: request.peers,
      sums: request.sums,
      onLost: (other: number, error: ShoalError): void => this.#lose(other, error),
    }
    this.#ranks = alsoInThread(createGroupRank({ clock, ...sums }), () =>
      this.#links.hasLanes ? (this.#share?.thread ?? null) : null,
    )
    this.#links = new MemberLinks({
      transport,
      clock,
      logger,
      request,
      leaderLink,
      ranks: this.#ranks,
      formThread: () => {
        const { thread } = this.#loaded()
        return { thread, possible: thread.form(sums) }
      },
      ending: this.#ending.signal,
    })
    this.#head = new MemberHead(dependencies.heads, this.#ending.signal)
    this.#ranks.attach(0, leaderLink)
  }

  /** Loads the share and tells the leader. A failure ends the membership; this never rejects. */
  async form(): Promise<void> {
    const { start, end, heads, columns, experts, rank, request } = this.#request
    try {
      const taken = await this.#dependencies.shares.take(
        {
          range: { start, end },
          split: { heads, columns, ...(experts === undefined ? {} : { experts }) },
          rank,
        },
        (partial) => this.#ranks.collective.sum(partial),
        this.#ending.signal,
      )
      if (this.#ending.signal.aborted) {
        taken.release(Promise.resolve())
        return
      }
      this.#share = taken
      this.#answers.done(request, { numericClass: this.#dependencies.numericClass() })
    } catch (error) {
      this.#answers.requestFailed(request, error)
      this.end(
        error instanceof ShoalError ? error : new ShoalError('internal', messageOf(error), { cause: error }),
      )
    }
  }

  /** Handles a message from the leader. @throws {ShoalError} `bad-frame` or `limit-exceeded` when the leader breaks the protocol */
  receive(message: GroupMessage, values: Float32Array): Promise<void> | void {
    switch (message.type) {
      case 'group-part':
        this.#ranks.receive(0, message, values)
        return
      case 'group-call':
        return this.#queue(() => this.#compute(message, values))
      case 'group-head-load':
        return this.#answers.answer(message.request, () => this.#head.load(message))
      case 'group-head':
        return this.#computeLogits(message.request, values)
      case 'group-connect':
        return this.#answers.answer(message.request, () => this.#links.connect())
      case 'group-open':
        return this.#queue(() => this.#answers.answer(message.request, () => this.#open(message)))
      case 'group-truncate':
        return this.#queue(() =>
          this.#loaded().runner.truncate(this.#nameOf(message.session), message.length),
        )
      case 'group-close':
        return this.#queue(() => this.#close(message.session))
      case 'group-failed':
        if (message.call !== null) this.#abandon(message.call, message.message)
        return
      case 'group-lanes':
        this.#share?.thread.use()
        return
      case 'group-form':
      case 'group-lane':
      case 'group-done':
      case 'group-logits':
      case 'group-meet':
      case 'group-echo':
        throw new ShoalError('bad-frame', `'${message.type}' does not come from the leader of a group`)
    }
  }

  /** {@link MemberLinks.meet} */
  meet(rank: number, link: RankLink): (message: GroupMessage, values: Float32Array) => void {
    return this.#links.meet(rank, link)
  }

  end(error: ShoalError): void {
    if (this.#ending.signal.aborted) return
    this.#ending.abort(error)
    this.#ranks.close(error)
    this.#leaderLink.close()
    this.#head.release()
    const used = this.#share
    this.#share = null
    // The share is idle after the call that is under way, which fails now, and once its sessions are closed.
    used?.release(
      this.#inOrder.then(async () => {
        for (const session of this.#sessions) await used.runner.close(this.#nameOf(session))
      }),
    )
    for (const listener of this.#endListeners) listener()
  }

  onEnd(listener: () => void): void {
    this.#endListeners.push(listener)
  }

  #lose(other: number, error: ShoalError): void {
    if (other !== 0) this.#answers.groupFailed(error)
    this.end(error)
  }

  /** @throws {ShoalError} `not-ready` before the share is loaded and after the group has ended */
  #loaded(): ShareUse {
    if (this.#share === null) throw new ShoalError('not-ready', 'this rank has not loaded its share')
    return this.#share
  }

  /** A session's name at the runner, which may have sessions of an earlier group. */
  #nameOf(session: number): string {
    return `${this.#request.group}/${session}`
  }

  #queue(action: () => Promise<void>): Promise<void> {
    const { group, rank } = this.#request
    this.#inOrder = this.#inOrder.then(action).catch((error: unknown) => {
      this.#dependencies.logger.warn('group-call-failed', { group, rank, reason: messageOf(error) })
    })
    return this.#inOrder
  }

  async #open({ session, tokenBudget, start, end }: OpenGroupSession): Promise<void> {
    await this.#loaded().runner.open(this.#nameOf(session), tokenBudget, { start, end })
    this.#sessions.add(session)
  }

  async #close(session: number): Promise<void> {
    // After the group has ended, `end` closes the sessions.
    const runner = this.#share?.runner
    if (runner !== undefined && this.#sessions.delete(session)) await runner.close(this.#nameOf(session))
  }

  async #compute({ call, session, position, rows }: GroupCall, values: Float32Array): Promise<void> {
    this.#ranks.collective.begin(call)
    if (!this.#calls.begin(call)) return
    try {
      const { runner } = this.#loaded()
      if (values.length !== rows * runner.hiddenSize)
        throw new ShoalError('bad-frame', `${values.length} numbers are not ${rows} rows`)
      await runner.forward(this.#nameOf(session), position, values)
    } catch (error) {
      this.#share?.thread.catchUp()
      if (!this.#ending.signal.aborted) this.#answers.callFailed(call, error)
    }
  }

  #abandon(call: number, reason: string): void {
    this.#calls.abandon(call)
    this.#ranks.collective.fail(
      call,
      new ShoalError('cancelled', `the leader gave call ${call} up: ${reason}`),
    )
  }

  async #computeLogits(request: number, rows: Float32Array): Promise<void> {
    try {
      const logits = await this.#head.logits(rows, this.#loaded().runner.hiddenSize)
      this.#leaderLink.send({ type: 'group-logits', request }, logits)
      freeMemory(logits.buffer)
    } catch (error) {
      this.#answers.requestFailed(request, error)
    }
  }
}
