import { asFailure, messageOf, ShoalError, type Logger } from '@shoal/host'
import type { NextHop, Sign } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import type { ChannelUse, PeerChannels } from '../../channels/peer-channels.ts'
import type { Stage } from '../stage.ts'
import type { RunnerQueues } from '../runner-queues.ts'
import type { StageEvent, StageTable } from '../stage-table.ts'
import type { StageOffer } from './admission.ts'
import type { Standing } from './shares.ts'
import type { PrefixDesk } from '../kept/prefix-desk.ts'
import type { RoomQueue } from './room-queue.ts'

/** What a node knows of other peers. */
export interface StagePeers {
  standing(peer: string): Standing
  /**
   * The account to which a peer's sessions are charged. Strangers of one network share an account, so that more keys
   * give nobody more.
   */
  account(peer: string): string
  /**
   * Addresses at which a peer may be dialled. Those that a frame names are hints, which the peer's own signed record must
   * confirm: a coordinator must not have this node dial what it likes.
   */
  addresses(peer: string, named: readonly string[]): readonly string[]
}

/** The parts of a stage host that opening a session needs. */
export interface StageOpeningContext {
  readonly table: StageTable
  readonly room: RoomQueue
  /** The longest that a request may wait for room. */
  readonly roomWaitMs: number
  readonly hops: PeerChannels
  readonly prefixes: Pick<PrefixDesk, 'begin' | 'giveWay'>
  readonly peers: StagePeers
  readonly logger: Logger
  /** Peer id of this node. */
  readonly peerId: string
  readonly sign: Sign
  /** What this node is at the time of asking. */
  readonly now: { readonly numericClass: string; readonly incarnation: number }
  queues(runner: BlockRunner): RunnerQueues
  offer(): Omit<StageOffer, 'sessions' | 'sessionsOfPeer' | 'sessionsOfStrangers' | 'standing'>
  onEvent(event: StageEvent): void
  /** Lets the peers that send rows of a session have a step under way. */
  admitSendersOf(stage: Stage): void
  /** Called after a new session has been opened. */
  opened(stage: Stage): void
}

/** The next stage of the route cannot be reached from this one. */
export class UnreachableNext extends ShoalError {}

/**
 * @throws {UnreachableNext} a failure of the next stage, for its coordinator to avoid that one. The sentence is the same
 *   whatever has failed: a coordinator must not learn what answers at an address.
 */
export async function reachNext(
  { hops, peers, peerId, logger }: Pick<StageOpeningContext, 'hops' | 'peers' | 'peerId' | 'logger'>,
  next: NextHop,
  signal: AbortSignal,
): Promise<ChannelUse> {
  try {
    return await hops.use(next.peer, peers.addresses(next.peer, next.addresses), signal)
  } catch (error) {
    logger.debug('next-unreachable', { peer: next.peer, reason: messageOf(error) })
    throw unreachableNext(peerId, error)
  }
}

/** A failure of the next stage in words that tell nothing of the network here. */
export function unreachableNext(self: string, cause: unknown): UnreachableNext {
  const { code } = asFailure(cause)
  const told = code === 'wrong-version' || code === 'limit-exceeded' ? code : 'peer-vanished'
  return new UnreachableNext(told, `${self} cannot reach the next stage`, { definite: false, cause })
}
