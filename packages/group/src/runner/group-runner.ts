import { messageOf, randomHex, ShoalError, type Clock, type Logger, type Random } from '@shoal/host'
import type { BlockRange, BlockSplit } from '@shoal/model'
import type { Transport } from '@shoal/network'
import type { BlockRunner, SumRanks } from '@shoal/runtime'
import type { ExchangeCosts } from '../collectives/cost-model.ts'
import { formGroup, RankError, type Formation, type GroupPeer } from './formation.ts'
import { groupClass } from './group-class.ts'
import { createGroupHead } from '../head/group-head.ts'
import type { GroupRunner } from './led-group.ts'
import { createGroupInputs, type GroupSession } from './inputs.ts'
import { groupLimits } from '../limits.ts'
import { measureLinks, silentPeers } from './measure-links.ts'
import { createRankThread, orClosed, withThread } from '../lanes/rank-thread-control.ts'
import { sumTable } from './sum-table.ts'

export interface GroupRunnerDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Loads this node's own share, rank 0. */
  loadOwn(sum: SumRanks): Promise<BlockRunner>
}

export interface GroupRunnerOptions {
  readonly manifestId: string
  readonly profile: string
  readonly range: BlockRange
  readonly split: BlockSplit
  /** This node's class. */
  readonly numericClass: string
  /** Ranks 1 and up. */
  readonly members: readonly GroupPeer[]
  /** Who may take the place of a lost member, in this order. With any, the inputs of sessions are kept here. */
  readonly spares?: readonly GroupPeer[]
  /** What sums cost; measured when absent. */
  readonly costs?: ExchangeCosts
}

/**
 * Forms a group and leads it. When a member is lost and a spare takes its share in the same split, its class is the same:
 * the caches are computed again from the inputs of each session, kept here, and whoever called only waits longer.
 * Without a spare the runner is done for (`not-ready`), and the stage is replaced like any that is lost.
 *
 * @throws {ShoalError} what kept a member from taking its place
 */
export async function createGroupRunner(
  dependencies: GroupRunnerDependencies,
  options: GroupRunnerOptions,
  signal: AbortSignal,
): Promise<GroupRunner> {
  const { transport, clock, random, logger } = dependencies
  const { range, split } = options
  const sessions = new Map<string, GroupSession>()
  const releasing = new AbortController()
  const losing = new AbortController()
  let nextSession = 0
  let repairs = 0
  let formation: Formation | null = null
  let members = [...options.members]
  let spares = [...(options.spares ?? [])]
  let inOrder: Promise<unknown> = Promise.resolve()

  /** Without a spare nothing could be done with them. */
  const keepsInputs = spares.length > 0
  const self = { peer: transport.peerId, addresses: transport.addresses() }
  // Before anything is loaded: who does not answer is no member.
  let costs = options.costs ?? (await measureLinks({ transport, clock }, members, signal))
  const thread = createRankThread(clock)
  const sum: SumRanks = (partial) =>
    formation?.sum(partial) ?? Promise.reject(new ShoalError('not-ready', 'the group is not formed'))
  const own = await orClosed(thread, dependencies.loadOwn(withThread(sum, thread)))
  const { hiddenSize } = own
  const head = createGroupHead(
    logger,
    hiddenSize,
    (rank, { classes }) => classes[rank - 1] === options.numericClass && options.numericClass !== 'none',
  )

  const form = async (ended: AbortSignal): Promise<{ formation: Formation; numericClass: string }> => {
    if (formation !== null && options.costs === undefined)
      costs = await measureLinks({ transport, clock }, members, ended)
    const sums = sumTable(members.length + 1, hiddenSize, costs)
    const formed = await formGroup(
      dependencies,
      {
        group: randomHex(random, 16),
        manifestId: options.manifestId,
        profile: options.profile,
        hiddenSize,
        range,
        split,
        sums,
        peers: [self, ...members],
        thread,
        onBroken: heal,
      },
      ended,
    )
    return { formation: formed, numericClass: groupClass([options.numericClass, ...formed.classes], split) }
  }

  /** A spare in the place of the lost rank, or everybody again when only a channel has broken. @throws {ShoalError} `not-ready` */
  const replace = (lost: number | null, reason: unknown): void => {
    if (lost === null && keepsInputs) return
    const [spare, ...rest] = spares
    if (spare === undefined)
      throw new ShoalError(
        'not-ready',
        `this group has lost ${lost === null ? 'a channel' : `rank ${lost}`} and has no spare: ${messageOf(reason)}`,
        { cause: reason },
      )
    members = members.map((member, index) => (index + 1 === lost ? spare : member))
    spares = rest
  }
  /** @throws {ShoalError} `not-ready`: it is over */
  const reform = async (reason: ShoalError): Promise<void> => {
    try {
      await formAgain(reason)
    } catch (error) {
      if (!releasing.signal.aborted) losing.abort(error)
      throw error
    }
  }
  const formAgain = async (reason: ShoalError): Promise<void> => {
    let lost = formation?.broken?.rank ?? null
    let why: unknown = reason
    formation?.end()
    for (let attempt = 0; attempt <= groupLimits.repairsMax; attempt += 1) {
      replace(lost, why)
      try {
        const formed = await form(releasing.signal)
        if (formed.numericClass !== numericClass) {
          formed.formation.end()
          throw new ShoalError('not-ready', 'the spare is of another numeric class')
        }
        formation = formed.formation
        head.formed(formation)
        repairs += 1
        logger.info('group-repaired', { rank: lost, members: members.map(({ peer }) => peer) })
        await rebuild()
        return
      } catch (error) {
        // Another one may be lost while the caches are computed.
        const another = error instanceof RankError ? error : formation?.broken
        if (another === null || another === undefined)
          throw error instanceof ShoalError && error.code === 'not-ready'
            ? error
            : new ShoalError('not-ready', messageOf(error), { cause: error })
        formation?.end()
        lost = another.rank
        why = error
      }
    }
    throw new ShoalError('not-ready', `this group could not be formed again: ${messageOf(why)}`)
  }
  /** The caches of all sessions, here and at the members, from what entered them. */
  const rebuild = async (): Promise<void> => {
    for (const [name, { number, tokenBudget, part, inputs }] of sessions) {
      await formation?.open(number, tokenBudget, part, releasing.signal)
      await own.truncate(name, 0)
      for (const { position, rows } of inputs.chunks(groupLimits.replayRows))
        await formation?.call(number, position, rows, () => own.forward(name, position, rows))
    }
  }

  const queue = <T>(action: () => Promise<T>): Promise<T> => {
    const done = inOrder.then(action)
    inOrder = done.catch(() => undefined)
    return done
  }
  const present = (): Formation => {
    if (formation === null || releasing.signal.aborted)
      throw new ShoalError('not-ready', 'this group has been released')
    return formation
  }
  const sessionOf = (name: string): GroupSession => {
    const session = sessions.get(name)
    if (session === undefined)
      throw new ShoalError(
        'unknown-session',
        `session ${name} is not open for blocks ${range.start}:${range.end}`,
      )
    return session
  }
  const cut = async (name: string, { inputs, number }: GroupSession, length: number): Promise<void> => {
    inputs.truncate(length)
    if (own.length(name) > length) await own.truncate(name, length)
    present().truncate(number, length)
  }
  const compute = async (
    name: string,
    session: GroupSession,
    position: number,
    rows: Float32Array,
  ): Promise<Float32Array> => {
    // A call of this session that was queued before it has failed.
    if (own.length(name) !== position)
      throw new ShoalError(
        'wrong-position',
        `session ${name} is at position ${own.length(name)}, not ${position}`,
      )
    const output = new Float32Array(rows.length)
    const chunk = groupLimits.rowsPerCallMax * hiddenSize
    try {
      for (let at = 0; at < rows.length; at += chunk) {
        const part = rows.subarray(at, at + chunk)
        const from = position + at / hiddenSize
        output.set(await present().call(session.number, from, part, () => own.forward(name, from, part)), at)
      }
    } catch (error) {
      await cut(name, session, position)
      throw error
    }
    if (keepsInputs) session.inputs.append(rows)
    return output
  }
  /** Runs with the group whole: when a rank is lost meanwhile, once more with the group formed again. */
  const whole = async <T>(action: () => Promise<T>): Promise<T> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (present().broken !== null) throw present().broken?.error
        return await action()
      } catch (error) {
        await findHung(error)
        const { broken } = present()
        if (broken === null || attempt >= groupLimits.repairsMax || releasing.signal.aborted) throw error
        await reform(broken.error)
      }
    }
  }
  /** Whoever asks next must not be the one to find out: a spare takes its place now, or the stage is given up. */
  const heal = (): void => {
    if (formation === null) return
    queue(() => whole(async () => undefined)).catch((error: unknown) =>
      logger.warn('group-lost', { reason: messageOf(error) }),
    )
  }
  /** A sum that nobody completes in time says that a rank hangs; a ping says which. */
  const findHung = async (error: unknown): Promise<void> => {
    if (!(error instanceof ShoalError) || error.code !== 'deadline-passed' || formation === null) return
    const silent = await silentPeers(
      { transport, clock },
      members.map(({ peer }) => peer),
      releasing.signal,
    )
    for (const [index, { peer }] of members.entries())
      if (silent.has(peer))
        formation.lose(
          index + 1,
          new ShoalError('deadline-passed', `rank ${index + 1} (${peer}) does not answer`, { cause: error }),
        )
  }

  let numericClass: string
  try {
    const first = await form(signal)
    formation = first.formation
    head.formed(formation)
    numericClass = first.numericClass
  } catch (error) {
    thread.close()
    await own.release()
    throw error
  }

  return {
    range,
    hiddenSize,
    get numericClass() {
      return numericClass
    },
    ranks: members.length + 1,
    lost: losing.signal,
    members: () => members,
    head,
    get costs() {
      return costs
    },
    sumsInThread: (ended) => thread.spent(ended),
    get repairs() {
      return repairs
    },
    async open(name, tokenBudget, part = range) {
      await own.open(name, tokenBudget, part)
      const session: GroupSession = {
        number: nextSession,
        tokenBudget,
        part,
        inputs: createGroupInputs(hiddenSize),
        length: 0,
      }
      nextSession += 1
      try {
        await queue(() => whole(() => present().open(session.number, tokenBudget, part, releasing.signal)))
        sessions.set(name, session)
      } catch (error) {
        await own.close(name)
        throw error
      }
    },
    async forward(name, position, hidden) {
      const session = sessionOf(name)
      const count = hidden.length / hiddenSize
      if (!Number.isInteger(count) || count < 1)
        throw new ShoalError('bad-request', `${hidden.length} values are not rows of ${hiddenSize}`)
      if (position !== session.length)
        throw new ShoalError(
          'wrong-position',
          `session ${name} is at position ${session.length}, not ${position}`,
        )
      if (position + count > session.tokenBudget)
        throw new ShoalError(
          'limit-exceeded',
          `session ${name} has a budget of ${session.tokenBudget} tokens, ${position + count} were asked for`,
        )
      session.length += count
      const rows = hidden.slice()
      try {
        return await queue(() => whole(() => compute(name, session, position, rows)))
      } catch (error) {
        session.length = Math.min(session.length, position)
        throw error
      }
    },
    length: (name) => sessionOf(name).length,
    async truncate(name, length) {
      const session = sessionOf(name)
      if (!Number.isSafeInteger(length) || length < 0 || length > session.length)
        throw new ShoalError(
          'wrong-position',
          `session ${name} has ${session.length} positions, it cannot be cut to ${length}`,
        )
      session.length = length
      await queue(() => cut(name, session, length))
    },
    async close(name) {
      await queue(async () => {
        const session = sessions.get(name)
        sessions.delete(name)
        if (session !== undefined) formation?.close(session.number)
        await own.close(name)
      })
    },
    async exportKeyValues() {
      throw new ShoalError(
        'bad-request',
        'the KV cache of a group is spread over its ranks; it moves by replay',
      )
    },
    async importKeyValues() {
      throw new ShoalError(
        'bad-request',
        'the KV cache of a group is spread over its ranks; it moves by replay',
      )
    },
    memory() {
      const memory = own.memory()
      if (!keepsInputs) return memory
      const inputs = [...sessions.values()].reduce(
        (sum, { tokenBudget }) => sum + tokenBudget * hiddenSize * Float32Array.BYTES_PER_ELEMENT,
        0,
      )
      return { ...memory, reservedBytes: memory.reservedBytes + inputs }
    },
    async release() {
      releasing.abort(new ShoalError('not-ready', 'this group has been released'))
      formation?.end()
      thread.close()
      await own.release()
    },
  }
}
