import { ShoalError, type Clock } from '@shoal/host'
import type { SumRanks, SumThread } from '@shoal/runtime'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { GroupRankOptions } from '../rank/group-rank.ts'
import { errorOf, plainError, type FromThread, type LaneOffer, type ToThread } from './thread-messages.ts'
import { ThreadQuestions } from './thread-questions.ts'

/**
 * The main thread's side of the sums that a computing thread makes. The other side does not exist before a device has
 * loaded a share with {@link withThread}, and not at all with devices that have no computing thread.
 */
export interface RankThread {
  /** What the device loads into its computing thread. */
  readonly thread: SumThread
  /** Begins a new group. @returns false when no computing thread listens, so that there can be no lanes */
  form(options: Pick<GroupRankOptions, 'rank' | 'peers' | 'sums' | 'onLost'>): boolean
  /** Has the thread listen for rank `from`. @throws {ShoalError} when it cannot */
  listen(from: number, host: string, signal: AbortSignal): Promise<LaneOffer>
  /** Has the thread connect to rank `to`. @throws {ShoalError} when it cannot */
  connect(to: number, host: string, offer: LaneOffer, signal: AbortSignal): Promise<void>
  /** Has the thread make sums over its lanes from now on. */
  use(): void
  begin(call: number): void
  fail(call: number, error: ShoalError): void
  end(error: ShoalError): void
  /**
   * Handles the messages that the thread has sent so far. To be called when a call has failed, before the failure is
   * judged: the thread reports a lost rank before it answers the call, but the two travel through different ports, which
   * are not read in the order in which they were written.
   */
  catchUp(): void
  /** How many sums the thread has made since it was loaded, and how long it waited for them; null without a thread. */
  spent(signal: AbortSignal): Promise<{ readonly sums: number; readonly ms: number } | null>
  close(): void
}

/** @param sum makes the sums that the thread does not make */
export function withThread(sum: SumRanks, control: RankThread): SumRanks {
  return Object.assign((partial: Float32Array, computedMs: number) => sum(partial, computedMs), {
    thread: control.thread,
  })
}

/** Closes the thread's port when loading fails. */
export async function orClosed<Loaded>(control: RankThread, loading: Promise<Loaded>): Promise<Loaded> {
  try {
    return await loading
  } catch (error) {
    control.close()
    throw error
  }
}

export function createRankThread(clock: Clock): RankThread {
  const { port1: port, port2 } = new MessageChannel()
  const tell = (message: ToThread): void => port.postMessage(message)
  const questions = new ThreadQuestions(clock, tell)
  let ready = false
  /** Whether the thread knows of a group. Without a thread, messages would pile up unread. */
  let formed = false
  let nextGroup = 0
  let lost: GroupRankOptions['onLost'] = () => undefined

  const tellOfGroup = (message: ToThread): void => {
    if (formed) tell(message)
  }
  const receive = (message: FromThread): void => {
    if (message.type === 'ready') ready = true
    else if (message.type !== 'lost') questions.answer(message.ask, message)
    else if (message.group === nextGroup - 1) lost(message.rank, errorOf(message.error))
  }
  port.on('message', receive)
  port.unref()

  return {
    thread: { module: new URL('./rank-thread.ts', import.meta.url).href, port: port2 },
    form({ rank, peers, sums, onLost }) {
      lost = onLost
      formed = ready
      tellOfGroup({ type: 'form', group: nextGroup, rank, peers: peers.map(({ peer }) => ({ peer })), sums })
      nextGroup += 1
      return ready
    },
    async listen(from, host, signal) {
      const message = laneMade(await questions.ask((ask) => ({ type: 'listen', ask, from, host }), signal))
      if (message.type !== 'listening') throw new Error(`'${message.type}' is not an offer`)
      return message.offer
    },
    async connect(to, host, offer, signal) {
      laneMade(await questions.ask((ask) => ({ type: 'connect', ask, to, host, offer }), signal))
    },
    use: () => tellOfGroup({ type: 'use' }),
    begin: (call) => tellOfGroup({ type: 'begin', call }),
    fail: (call, error) => tellOfGroup({ type: 'fail', call, error: plainError(error) }),
    end(error) {
      lost = () => undefined
      tellOfGroup({ type: 'end', error: plainError(error) })
    },
    catchUp() {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
        receive(next.message as FromThread)
    },
    async spent(signal) {
      if (!ready) return null
      const message = await questions.ask((ask) => ({ type: 'report', ask }), signal)
      return message.type === 'spent' ? message : null
    },
    close: () => port.close(),
  }
}

/** @throws {ShoalError} what kept the thread from making the lane */
function laneMade(message: FromThread): FromThread {
  if (message.type === 'lane' && message.error !== null) throw new ShoalError('no-capacity', message.error)
  return message
}
