import type { Clock, Timer } from '@shoal/host'
import type { Member, MemberState, Membership } from '@shoal/membership'
import { blocksOf } from './decide.ts'
import { swarmLimits } from '../../limits.ts'

/** Why sessions wait for a move: a block has no holder (`gone`), or all its holders are leaving. */
export type Stall = 'gone' | 'leaving'

/**
 * Why sessions cannot go on before some node loads one of `blocks`; null when other nodes serve all of them. While the
 * only holder of a block drains, sessions still run, and can be handed over.
 */
export function stallOf(blocks: readonly number[], members: readonly Member[], selfId: string): Stall | null {
  const heldBy = (state: MemberState): ReadonlySet<number> =>
    new Set(
      members.flatMap(({ record, liveness }) =>
        liveness === 'alive' && record.state === state && record.peerId !== selfId && record.span !== null
          ? blocksOf(record.span)
          : [],
      ),
    )
  const serving = heldBy('serving')
  const unserved = blocks.filter((block) => !serving.has(block))
  if (unserved.length === 0) return null
  const draining = heldBy('draining')
  return unserved.every((block) => draining.has(block)) ? 'leaving' : 'gone'
}

export interface StallWatch {
  /** Aborted when sessions wait for the move, so that the move must not wait for them any longer. */
  readonly signal: AbortSignal
  stop(): void
}

/**
 * Watches whether sessions wait for a move while the move waits for them.
 * @param blocks the blocks of the model that this node does not give up
 */
export function watchStall(
  dependencies: {
    readonly clock: Clock
    readonly membership: Pick<Membership, 'members' | 'onChange'>
    readonly selfId: string
  },
  blocks: readonly number[],
): StallWatch {
  const { clock, membership, selfId } = dependencies
  const stalled = new AbortController()
  let timer: Timer | null = null
  const look = (): void => {
    const stall = stallOf(blocks, membership.members(), selfId)
    if (stall === 'gone') stalled.abort()
    if (stall === 'leaving') timer ??= clock.after(swarmLimits.handOverBeforeMoveMs, () => stalled.abort())
  }
  const endListening = membership.onChange(look)
  look()
  return {
    signal: stalled.signal,
    stop() {
      endListening()
      timer?.cancel()
    },
  }
}
