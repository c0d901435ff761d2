import { ShoalError } from '@shoal/host'
import type { BlockRunner, RunnerMemory, SumRanks } from '@shoal/runtime'
import { measureLinks } from '../forming/measure-links.ts'
import { createGroupHead } from '../head/group-head.ts'
import { createRankThread, orClosed, withThread } from '../lanes/rank-thread-control.ts'
import { GroupCalls } from './group-calls.ts'
import { GroupFormer } from './group-former.ts'
import { LedGroup, notFormed } from './led-group.ts'
import { LedSessions } from './led-sessions.ts'
import type { GroupRunner, GroupRunnerDependencies, GroupRunnerOptions } from './runner-types.ts'
import { Seats } from './seats.ts'

/**
 * Forms a group and leads it. When a member is lost and a spare takes its share in the same split, the numeric class of the
 * group stays the same: KV caches are computed again from the inputs of each session, which the leader keeps, and callers
 * only wait longer. Without a spare every call fails with `not-ready`, and the stage is replaced like any lost stage.
 *
 * @throws {ShoalError} what kept a member from taking its place
 */
export async function createGroupRunner(
  dependencies: GroupRunnerDependencies,
  options: GroupRunnerOptions,
  signal: AbortSignal,
): Promise<GroupRunner> {
  const { transport, clock, logger } = dependencies
  // Links are measured before anything is loaded: a peer that does not answer cannot be a member.
  const costs = options.costs ?? (await measureLinks({ transport, clock }, options.members, signal))
  const thread = createRankThread(clock)
  let group: LedGroup | null = null
  const sum: SumRanks = (partial) => group?.sum(partial) ?? Promise.reject(notFormed())
  const own = await orClosed(thread, dependencies.loadOwn(withThread(sum, thread)))
  const { hiddenSize } = own
  const { numericClass } = options
  const head = createGroupHead(
    logger,
    hiddenSize,
    (rank, { classes }) => classes[rank - 1] === numericClass && numericClass !== 'none',
  )
  const former = new GroupFormer(dependencies, options, { thread, hiddenSize, costs })
  const seats = new Seats(options.members, options.spares ?? [])
  const sessions = new LedSessions(options.range, hiddenSize)
  group = new LedGroup({
    transport,
    clock,
    logger,
    former,
    seats,
    own,
    sessions,
    onFormed: (formation) => head.formed(formation),
  })
  try {
    await group.start(signal)
  } catch (error) {
    thread.close()
    await own.release()
    throw error
  }
  const led = group
  return {
    range: options.range,
    hiddenSize,
    ranks: options.members.length + 1,
    lost: own.lost === undefined ? led.lost : AbortSignal.any([led.lost, own.lost]),
    head,
    get numericClass() {
      return led.numericClass
    },
    get costs() {
      return former.costs
    },
    get repairs() {
      return led.repairs
    },
    members: () => seats.members,
    sumsInThread: (ended) => thread.spent(ended),
    ...sessionCalls(led, own, sessions, new GroupCalls(led, own, seats.repairable)),
    exportKeyValues: refuseKeyValues,
    importKeyValues: refuseKeyValues,
    memory: () => withInputs(own.memory(), seats.repairable ? sessions.inputBytes() : 0),
    async release() {
      led.release()
      thread.close()
      await own.release()
    },
  }
}

/** What callers do with sessions. Calls are queued: the ranks make one after the other. */
function sessionCalls(
  group: LedGroup,
  own: BlockRunner,
  sessions: LedSessions,
  calls: GroupCalls,
): Pick<BlockRunner, 'open' | 'forward' | 'length' | 'truncate' | 'close'> {
  return {
    async open(name, tokenBudget, part = sessions.range) {
      await own.open(name, tokenBudget, part)
      const session = sessions.create(tokenBudget, part)
      try {
        await group.queue(() =>
          group.whole(() => group.present().open(session.number, tokenBudget, part, group.released)),
        )
        sessions.add(name, session)
      } catch (error) {
        await own.close(name)
        throw error
      }
    },
    async forward(name, position, hidden) {
      const session = sessions.append(name, position, hidden)
      const rows = hidden.slice()
      try {
        return await group.queue(() => group.whole(() => calls.forward(name, session, position, rows)))
      } catch (error) {
        session.length = Math.min(session.length, position)
        throw error
      }
    },
    length: (name) => sessions.get(name).length,
    async truncate(name, length) {
      const session = sessions.truncate(name, length)
      await group.queue(() => calls.truncate(name, session, length))
    },
    async close(name) {
      await group.queue(async () => {
        const session = sessions.remove(name)
        if (session !== undefined) group.closeSession(session.number)
        await own.close(name)
      })
    },
  }
}

function withInputs(memory: RunnerMemory, inputBytes: number): RunnerMemory {
  return { ...memory, reservedBytes: memory.reservedBytes + inputBytes }
}

async function refuseKeyValues(): Promise<never> {
  throw new ShoalError('bad-request', 'the KV cache of a group is spread over its ranks; it moves by replay')
}
