import { asFailure, messageOf, ShoalError, type Logger } from '@shoal/host'
import type { NextHop, Sign } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import type { ChannelUse, PeerChannels } from '../../channels/peer-channels.ts'
import type { Stage } from '../stage.ts'
import type { RunnerQueues } from '../runner-queues.ts'
import type { StageEvent, StageTable } from '../stage-table.ts'
import type { StageOffer } from './admission.ts'
import type { RoomQueue } from './room-queue.ts'

/** The parts of a stage host that opening a session needs. */
export interface StageOpeningContext {
  readonly table: StageTable
  readonly room: RoomQueue
  /** The longest that a request may wait for room. */
  readonly roomWaitMs: number
  readonly hops: PeerChannels
  readonly logger: Logger
  /** This node. */
  readonly peerId: string
  readonly sign: Sign
  /** What this node is at the time of asking. */
  readonly now: { readonly numericClass: string; readonly incarnation: number }
  queues(runner: BlockRunner): RunnerQueues
  offer(): Omit<StageOffer, 'sessions' | 'sessionsOfPeer'>
  onEvent(event: StageEvent): void
  /** Lets the peers that send rows of a session have a step under way. */
  admitSendersOf(stage: Stage): void
  /** A new session has been answered for. */
  opened(stage: Stage): void
}

/** The next stage of the route cannot be reached from this one. */
export class UnreachableNext extends ShoalError {}

/** @throws {UnreachableNext} a failure of the next stage, for its coordinator to avoid that one */
export async function reachNext(
  hops: PeerChannels,
  self: string,
  next: NextHop,
  signal: AbortSignal,
): Promise<ChannelUse> {
  try {
    return await hops.use(next.peer, next.addresses, signal)
  } catch (error) {
    const { code, definite } = asFailure(error)
    throw new UnreachableNext(code, `${self} cannot reach it: ${messageOf(error)}`, {
      definite,
      cause: error,
    })
  }
}
