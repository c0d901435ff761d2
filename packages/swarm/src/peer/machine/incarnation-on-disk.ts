import { join } from 'node:path'
import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import { nextIncarnation } from '@shoal/host/node'

/**
 * An incarnation number higher than all earlier ones of this node. With a full disk, a node that others hold dead must
 * go on as well: its number then comes from its clock, and is higher too unless the clock is set back before the next
 * start.
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
