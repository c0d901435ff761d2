import { ShoalError, timeLimit, type Clock, orAborted } from '@shoal/host'
import type { SumRanks, SumThread } from '@shoal/runtime'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { GroupRank, GroupRankOptions } from '../rank/group-rank.ts'
import { groupTimes } from '../limits.ts'
import type { FromThread, LaneOffer, PlainError, ToThread } from './thread-messages.ts'

/** This side of the sums that a thread makes by itself. Nothing happens on the other until a device has loaded a share with it. */
export interface RankThread {
  /** For the device. */
  readonly thread: SumThread
  /** A new group. False when no thread listens: then there are no lanes. */
  form(options: Pick<GroupRankOptions, 'rank' | 'peers' | 'sums' | 'onLost'>): boolean
  /** @throws {ShoalError} when it cannot listen */
  listen(from: number, host: string, signal: AbortSignal): Promise<LaneOffer>
  /** @throws {ShoalError} when there is no way */
  connect(to: number, host: string, offer: LaneOffer, signal: AbortSignal): Promise<void>
  use(): void
  begin(call: number): void
  fail(call: number, error: ShoalError): void
  end(error: ShoalError): void
  /**
   * Hears now what the thread has said. For whoever learns that a call has failed: that a rank was lost was said before,
   * but two ports are not read in the order in which they were written to.
   */
  catchUp(): void
  /** Sums made by the thread since it was loaded, and what it waited for them; null without a thread. */
  spent(signal: AbortSignal): Promise<{ readonly sums: number; readonly ms: number } | null>
  close(): void
}

/** @param sum makes the sums where the thread does not */
export function withThread(sum: SumRanks, control: RankThread): SumRanks {
  return Object.assign((partial: Float32Array, computedMs: number) => sum(partial, computedMs), {
    thread: control.thread,
  })
}

/** What is not loaded makes no sums. */
export async function orClosed<Loaded>(control: RankThread, loading: Promise<Loaded>): Promise<Loaded> {
  try {
    return await loading
  } catch (error) {
    control.close()
    throw error
  }
}

/** What ends a call, or all, ends it in the thread too. */
export function alsoInThread(ranks: GroupRank, thread: () => RankThread | null): GroupRank {
  const { collective } = ranks
  return {
    ...ranks,
    collective: {
      ...collective,
      begin(call) {
        collective.begin(call)
        thread()?.begin(call)
      },
      fail(call, error) {
        collective.fail(call, error)
        thread()?.fail(call, error)
      },
      close(error) {
        collective.close(error)
        thread()?.end(error)
      },
    },
    close(error) {
      ranks.close(error)
      thread()?.end(error)
    },
  }
}

export function createRankThread(clock: Clock): RankThread {
  const { port1: port, port2 } = new MessageChannel()
  const waiting = new Map<number, { resolve(value: FromThread): void }>()
  let ready = false
  /** Whether the thread has been told of a group: what nobody reads must not be written. */
  let formed = false
  let nextGroup = 0
  let nextAsk = 0
  let lost: GroupRankOptions['onLost'] = () => undefined

  const tell = (message: ToThread): void => port.postMessage(message)
  const tellOfGroup = (message: ToThread): void => {
    if (formed) tell(message)
  }
  const receive = (message: FromThread): void => {
    switch (message.type) {
      case 'ready':
        ready = true
        return
      case 'lost':
        if (message.group === nextGroup - 1) lost(message.rank, errorOf(message.error))
        return
      case 'listening':
      case 'lane':
      case 'spent':
        waiting.get(message.ask)?.resolve(message)
        return
    }
  }
  port.on('message', receive)
  port.unref()
  const ask = async (make: (ask: number) => ToThread, signal: AbortSignal): Promise<FromThread> => {
    const limit = timeLimit(
      clock,
      groupTimes.laneTimeoutMs,
      () =>
        new ShoalError(
          'deadline-passed',
          `the computing thread did not answer within ${groupTimes.laneTimeoutMs} ms`,
        ),
      signal,
    )
    const answered = Promise.withResolvers<FromThread>()
    const id = nextAsk
    nextAsk += 1
    waiting.set(id, answered)
    try {
      tell(make(id))
      return await orAborted(answered.promise, limit.signal)
    } finally {
      limit.clear()
      waiting.delete(id)
    }
  }
  const laneOf = (message: FromThread): FromThread => {
    if (message.type === 'lane' && message.error !== null) throw new ShoalError('no-capacity', message.error)
    return message
  }

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
      const message = laneOf(await ask((id) => ({ type: 'listen', ask: id, from, host }), signal))
      if (message.type !== 'listening') throw new Error(`'${message.type}' is no offer`)
      return message.offer
    },
    async connect(to, host, offer, signal) {
      laneOf(await ask((id) => ({ type: 'connect', ask: id, to, host, offer }), signal))
    },
    use: () => tellOfGroup({ type: 'use' }),
    begin: (call) => tellOfGroup({ type: 'begin', call }),
    fail: (call, error) => tellOfGroup({ type: 'fail', call, error: plain(error) }),
    end(error) {
      lost = () => undefined
      tellOfGroup({ type: 'end', error: plain(error) })
    },
    catchUp() {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
        receive(next.message as FromThread)
    },
    async spent(signal) {
      if (!ready) return null
      const message = await ask((id) => ({ type: 'report', ask: id }), signal)
      return message.type === 'spent' ? message : null
    },
    close: () => port.close(),
  }
}

const plain = ({ code, message, definite }: ShoalError): PlainError => ({ code, message, definite })
const errorOf = ({ code, message, definite }: PlainError): ShoalError =>
  new ShoalError(code, message, { definite })
