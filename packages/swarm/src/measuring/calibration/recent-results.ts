import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, type Clock, type Logger } from '@shoal/host'
import { writeFileAtomically } from '@shoal/host/node'
import { sha256Hex } from '@shoal/model'

/**
 * How long nodes of one machine share a result. Nodes that start together then time a block once, and do not slow each other
 * down; a result that other work disturbed does not last.
 */
const recentMs = 10 * 60_000

/** Results of measurements that the nodes of one user on this machine share for some minutes, one file for each. */
export interface RecentResults {
  /** @returns what was kept under this key lately; null when there is nothing that can be read */
  read(key: string): Promise<unknown>
  /** Keeps a result; a failure is logged only, since others can measure as well. */
  keep(key: string, result: unknown): void
}

/** @param folder a folder of this user's; null when there is none, and nothing is shared */
export function recentResults(
  folder: string | null,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): RecentResults {
  const pathOf = (key: string): string | null =>
    folder === null
      ? null
      : join(folder, `calibration-${sha256Hex(new TextEncoder().encode(key)).slice(0, 16)}.json`)
  return {
    async read(key) {
      const path = pathOf(key)
      if (path === null) return null
      try {
        const { mtimeMs } = await stat(path)
        if (Math.abs(clock.wallMs() - mtimeMs) > recentMs) return null
        return JSON.parse(await readFile(path, 'utf8')) as unknown
      } catch {
        // Absent or damaged: the block is timed again.
        return null
      }
    },
    keep(key, result) {
      const path = pathOf(key)
      if (path === null) return
      try {
        writeFileAtomically(path, JSON.stringify(result))
      } catch (error) {
        logger.debug('calibration-not-shared', { reason: messageOf(error) })
      }
    },
  }
}
