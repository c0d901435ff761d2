import { messageOf, ShoalError } from '@shoal/host'
import type { BlockRange, IndexRange } from '@shoal/model'
import type { GroupDone, GroupMessage } from '@shoal/protocol'
import { alsoInThread } from '../lanes/also-in-thread.ts'
import { createLanes, type Lanes } from '../lanes/lanes.ts'
import { groupTimes } from '../limits.ts'
import { createGroupRank, type GroupRank } from '../rank/group-rank.ts'
import type { Formation, FormationOptions } from './formation.ts'
import { askMember, type LinkDependencies, type MemberLink } from './member-link.ts'
import { RankError } from './rank-error.ts'
import { failureOf } from './requests.ts'

/** The leader's links to the members of one formation, and what it does over them. */
export class FormedGroup implements Formation {
  /** Set once all members have loaded their shares. */
  classes: readonly string[] = []
  readonly #dependencies: LinkDependencies
  readonly #options: FormationOptions
  readonly #ranks: GroupRank
  readonly #members = new Map<number, MemberLink>()
  readonly #ending = new AbortController()
  #lanes: Lanes | null = null
  #broken: Formation['broken'] = null
  #nextCall = 0

  constructor(dependencies: LinkDependencies, options: FormationOptions) {
    const { clock } = dependencies
    const { peers, sums, thread } = options
    this.#dependencies = dependencies
    this.#options = options
    this.#ranks = alsoInThread(createGroupRank({ clock, rank: 0, peers, sums, onLost: this.#lose }), () =>
      this.#lanes === null ? null : thread,
    )
  }

  get broken(): Formation['broken'] {
    return this.#broken
  }

  /** A rank's name in error messages. */
  nameOf(rank: number): string {
    return this.#ranks.nameOf(rank)
  }

  attach(rank: number, member: MemberLink): void {
    this.#members.set(rank, member)
    member.link.onMessage((message, values) => this.#receive(rank, member, message, values))
    this.#ranks.attach(rank, member.link)
  }

  /** Starts to offer and accept lanes. */
  startLanes(): Lanes {
    const { transport, clock, logger } = this.#dependencies
    const { thread, peers, sums } = this.#options
    this.#lanes = createLanes({
      transport,
      clock,
      logger,
      thread,
      possible: thread.form({ rank: 0, peers, sums, onLost: this.#lose }),
      peers,
      signal: this.#ending.signal,
    })
    return this.#lanes
  }

  /** Asks all members. @throws {RankError} the first failure */
  askAll(
    make: (request: number) => GroupMessage,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<GroupDone[]> {
    return Promise.all(
      [...this.#members].map(async ([rank, member]) => {
        try {
          return await askMember(member, make, timeoutMs, signal)
        } catch (error) {
          throw new RankError(rank, error)
        }
      }),
    )
  }

  tellAll(message: GroupMessage, values?: Float32Array): void {
    for (const { link } of this.#members.values()) link.send(message, values)
  }

  /** The error to report for a failed request. Once a rank is lost all requests fail, and only that rank is to blame. */
  blame(error: unknown): unknown {
    return this.#broken === null ? error : new RankError(this.#broken.rank, this.#broken.error)
  }

  sum(partial: Float32Array): Promise<Float32Array> {
    return this.#ranks.collective.sum(partial)
  }

  async open(session: number, tokenBudget: number, part: BlockRange, signal: AbortSignal): Promise<void> {
    const { start, end } = part
    try {
      await this.askAll(
        (request) => ({ type: 'group-open', request, session, tokenBudget, start, end }),
        groupTimes.openTimeoutMs,
        signal,
      )
    } catch (error) {
      this.close(session)
      throw this.blame(error)
    }
  }

  async call(
    session: number,
    position: number,
    hidden: Float32Array,
    compute: () => Promise<Float32Array>,
  ): Promise<Float32Array> {
    if (this.#broken !== null) throw this.#broken.error
    const call = this.#nextCall
    this.#nextCall += 1
    this.#ranks.collective.begin(call)
    const rows = hidden.length / this.#options.hiddenSize
    this.tellAll({ type: 'group-call', call, session, position, rows }, hidden)
    try {
      return await compute()
    } catch (error) {
      this.#options.thread.catchUp()
      const { code, definite } = error instanceof ShoalError ? error : { code: 'internal', definite: false }
      this.tellAll({ type: 'group-failed', request: null, call, code, message: messageOf(error), definite })
      // Some members may have completed the call.
      this.truncate(session, position)
      throw error
    }
  }

  truncate(session: number, length: number): void {
    this.tellAll({ type: 'group-truncate', session, length })
  }

  close(session: number): void {
    this.tellAll({ type: 'group-close', session })
  }

  async loadHead(rank: number, { start, end }: IndexRange): Promise<void> {
    const { link, requests } = this.#memberOf(rank)
    await requests.make(
      (request) => link.send({ type: 'group-head-load', request, start, end }),
      groupTimes.formTimeoutMs,
      this.#ending.signal,
    )
  }

  async logits(rank: number, hidden: Float32Array): Promise<Float32Array> {
    const { link, requests } = this.#memberOf(rank)
    const answer = await requests.make(
      (request) => link.send({ type: 'group-head', request }, hidden),
      groupTimes.headDeadlineMs,
      this.#ending.signal,
    )
    if (answer.type !== 'group-logits')
      throw new ShoalError(
        'bad-frame',
        `${this.nameOf(rank)} answered a request for logits with '${answer.type}'`,
      )
    return answer.logits
  }

  lose(rank: number, error: ShoalError): void {
    this.#lose(rank, error)
  }

  end(): void {
    const ended = new ShoalError('cancelled', 'the group has ended')
    this.#ending.abort()
    this.#ranks.close(ended)
    for (const { requests } of this.#members.values()) requests.close(ended)
  }

  readonly #lose = (rank: number | null, error: ShoalError): void => {
    if (this.#broken !== null || this.#ending.signal.aborted) return
    this.#broken = { rank, error }
    this.#ranks.collective.close(error)
    for (const { requests } of this.#members.values()) requests.close(error)
    this.#options.onBroken?.()
  }

  #memberOf(rank: number): MemberLink {
    const member = this.#members.get(rank)
    if (member === undefined) throw new ShoalError('internal', `there is no rank ${rank}`)
    return member
  }

  #receive(rank: number, { requests }: MemberLink, message: GroupMessage, values: Float32Array): void {
    switch (message.type) {
      case 'group-part':
        this.#ranks.receive(rank, message, values)
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
          this.#ranks.collective.fail(message.call, failureOf(this.nameOf(rank), message))
        else this.#lose(null, failureOf(this.nameOf(rank), message))
        return
      case 'group-lane':
        this.#lanes?.accept(rank, message.offer)
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
}
