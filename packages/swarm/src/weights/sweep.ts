import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, type Clock, type Logger } from '@shoal/host'
import { sweepPartials, type PartialOwner } from '@shoal/model/node'
import { thisProcess } from './partial-owner.ts'

/**
 * How long interrupted downloads and packings are kept to be continued. After a week the user probably wants another
 * model.
 */
const keptMs = 7 * 24 * 3_600_000

/**
 * Removes what interrupted downloads and packings of processes that are gone left in a data directory, a week after
 * their last byte. A node does this at its start, and starts also when it fails.
 */
export async function sweepDataFolder(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  dataFolder: string,
  owner: PartialOwner = thisProcess,
): Promise<void> {
  const models = join(dataFolder, 'models')
  const beforeMs = clock.wallMs() - keptMs
  try {
    const folders = (await readdir(models, { withFileTypes: true })).filter(
      (entry) => entry.isDirectory() && !entry.name.endsWith('.partial'),
    )
    for (const folder of [models, ...folders.map(({ name }) => join(models, name))]) {
      const removed = await sweepPartials(folder, owner, beforeMs)
      if (removed.length > 0) logger.info('leftovers-removed', { folder, removed })
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    logger.warn('leftovers-not-removed', { folder: models, reason: messageOf(error) })
  }
}
