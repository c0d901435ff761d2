import { messageOf } from '@shoal/host'
import { nameStage } from '../../route/stage-error.ts'
import type { RouteWish } from '../../route/types.ts'
import type { SessionContext } from '../session-context.ts'
import type { Losses } from './losses.ts'
import { giveUpLeaving } from './moving/give-up-leaving.ts'
import type { ReplacementWait } from './replacement-wait.ts'
import type { RerouterParts } from './rerouter-parts.ts'

/** Shortest and longest wait for room before a session gives up its own. */
const yieldMs = { min: 3_000, max: 12_000 } as const

export interface AwaitedReplacement {
  readonly losses: Losses
  readonly wait: ReplacementWait
  readonly wish: RouteWish
  /** Why the last attempt failed. */
  readonly error: unknown
}

/**
 * Waits until it is time to look again for a peer that holds lost blocks.
 * @throws {ShoalError} when the wait is over; the signal's reason
 */
export async function awaitReplacement(
  context: SessionContext,
  parts: RerouterParts,
  { losses, wait, wish, error }: AwaitedReplacement,
  signal: AbortSignal,
): Promise<void> {
  const { session } = context.options
  context.logger.info('replacement-awaited', { session, reason: messageOf(error) })
  await giveUpLeaving(context, parts, losses, wish, signal)
  if (losses.crowded && wait.waitedMs >= yieldAfterMs(session)) giveUpRoom(context, parts, losses)
  await wait.wait(error, signal, losses.crowded)
  losses.forgive()
}

/**
 * Closes the session at all of its stages. Of two running answers that have each lost a stage, each may wait for room that
 * the other one holds. The first one whose time is over lets the other one go on; all of its rows are computed again, from
 * the coordinator's journal, when there is room for the whole route.
 */
function giveUpRoom(
  { options: { session }, logger }: SessionContext,
  { route }: RerouterParts,
  losses: Losses,
): void {
  for (const { stage, link } of route.stages) {
    if (losses.givenUp.has(stage) || losses.lost.has(stage.peer)) continue
    losses.givenUp.add(stage)
    link.outbox.post({ type: 'close', session, start: stage.range.start })
    logger.info('room-given-up', { session, stage: nameStage(stage) })
  }
}

/** Differs by session, whose id is random, so that two sessions do not both give up what the other one waits for. */
export function yieldAfterMs(session: string): number {
  let hash = 0
  for (const character of session) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0
  return yieldMs.min + (hash / 2 ** 32) * (yieldMs.max - yieldMs.min)
}
