import { createVirtualClock, type ShoalError, type VirtualClock } from '@shoal/host'
import { createCollective, type Collective, type SumId } from '../collective.ts'
import type { Algorithm, Outgoing, Part } from '../exchange.ts'

interface Message {
  readonly from: number
  readonly to: number
  readonly id: SumId
  readonly part: Part
}

export interface JoinedRanks {
  readonly clock: VirtualClock
  readonly members: Collective[]
  /** Messages on their way, by `from>to`. */
  readonly queues: Map<string, Message[]>
  /** The values of all messages that were delivered. */
  readonly delivered: Float32Array[]
  /** Ranks that were refused, and why. */
  readonly refused: { from: number; error: ShoalError }[]
  /**
   * Delivers one message.
   * @param pick chooses one of so many queues
   * @param alive ranks that still send and receive. Default: all
   * @returns false when no message is on its way
   */
  deliver(pick: (count: number) => number, alive?: (rank: number) => boolean): boolean
}

/** Ranks that are joined by queues, which keep the order between any two ranks as channels do. */
export function createJoinedRanks(ranks: number, algorithm: Algorithm, deadlineMs = 1000): JoinedRanks {
  const clock = createVirtualClock()
  const queues = new Map<string, Message[]>()
  const delivered: Float32Array[] = []
  const refused: { from: number; error: ShoalError }[] = []
  const send =
    (from: number) =>
    (id: SumId, { to, ...part }: Outgoing): void => {
      const key = `${from}>${to}`
      queues.set(key, [
        ...(queues.get(key) ?? []),
        { from, to, id, part: { ...part, values: part.values.slice() } },
      ])
    }
  const members: Collective[] = Array.from({ length: ranks }, (_, rank) =>
    createCollective({
      clock,
      rank,
      ranks,
      deadlineMs,
      algorithm: () => algorithm,
      send: send(rank),
      // In a group the channel to the refused rank ends, and with it all sums.
      refuse(from, error) {
        refused.push({ from, error })
        members[rank]!.close(error)
      },
      nameOf: (other) => `rank ${other}`,
    }),
  )
  return {
    clock,
    members,
    queues,
    delivered,
    refused,
    deliver(pick, alive = () => true) {
      const waiting = [...queues.values()].filter(
        (queue) => queue[0] !== undefined && alive(queue[0].to) && alive(queue[0].from),
      )
      const queue = waiting[pick(waiting.length)]
      const message = queue?.shift()
      if (message === undefined) return false
      delivered.push(message.part.values)
      members[message.to]!.receive(message.from, message.id, message.part)
      return true
    },
  }
}

/** Lets promises settle. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
