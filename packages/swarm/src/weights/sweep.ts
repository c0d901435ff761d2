import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, type Clock, type Logger } from '@shoal/host'
import { sweepPartials, type PartialOwner } from '@shoal/model/node'
import { thisProcess } from './partial-owner.ts'

/** Downloads and packings that were interrupted are gone on with for so long: the model of last week is another one. */
const keptMs = 7 * 24 * 3_600_000

/**
 * Removes what interrupted downloads and packings of processes that are gone left in a data directory, a week after
 * their last byte. A node does it at its start; that it cannot must not stop it.
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
