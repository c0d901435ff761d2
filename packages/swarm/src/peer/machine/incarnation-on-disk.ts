import { join } from 'node:path'
import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import { nextIncarnation } from '@shoal/host/node'

/**
 * A higher number than in any life before. A full disk must not end a node that others hold dead: its clock gives a number
 * that is higher too, unless the clock is set back before the next start.
 */
export function incarnationOnDisk(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  dataFolder: string,
): number {
  try {
    return nextIncarnation(join(dataFolder, 'incarnation'))
  } catch (error) {
    if (error instanceof ShoalError) throw error
    logger.warn('incarnation-not-kept', { reason: messageOf(error) })
    return Math.floor(clock.wallMs() / 1000)
  }
}
