import { messageOf, type Clock, type Logger } from '@shoal/host'
import type { EmbeddingTable } from '@shoal/runtime'
import { createSparedSession, prefill, type HiddenSession } from '@shoal/session'
import type { EngineSession } from '../engine.ts'

export interface SpareDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly embedding: Pick<EmbeddingTable, 'lookup'>
  readonly hiddenSize: number
  /** Opens a session over a route that leaves these peers out as far as possible. */
  readonly open: (without: ReadonlySet<string>) => Promise<HiddenSession>
}

/**
 * The session with a hot spare. Where nobody else holds any of its blocks, or has room, it goes on without one, and the log
 * says so: an answer without a spare is better than none.
 * @param promptIds ids of the positions that the session may have already
 */
export async function withSpare(
  { clock, logger, embedding, hiddenSize, open }: SpareDependencies,
  session: EngineSession,
  promptIds: readonly number[],
): Promise<EngineSession> {
  const peers = session.route().map(({ peer }) => peer)
  let spare: HiddenSession | null = null
  try {
    spare = await open(new Set(peers))
    const here = session.length
    if (here > 0)
      await prefill(
        spare,
        { rows: here, read: (from, to) => embedding.lookup(promptIds.slice(from, to)) },
        { want: 'none' },
      )
  } catch (error) {
    logger.warn('no-spare', { reason: messageOf(error) })
    await spare?.close()
    return session
  }
  const shared = spare.route().filter(({ peer }) => peers.includes(peer))
  logger.info('spare-opened', {
    route: spare.route().map(({ peer }) => peer),
    ...(shared.length > 0 && { alone: shared.map(({ peer }) => peer) }),
  })
  const both = createSparedSession({ clock, logger, hiddenSize, open }, session, spare)
  return Object.assign(both, { remember: (ids: readonly number[]) => session.remember?.(ids) })
}
