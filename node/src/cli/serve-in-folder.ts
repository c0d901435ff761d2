import { rmdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { exitWithParent, lockDirectory } from '@shoal/host/node'
import { leaveWhenTold } from '../leave-message.ts'
import type { CommandContext } from './context.ts'
import type { StartedFlags } from './options.ts'

/** Runs what serves, alone in its data directory; when the process was started by another one, it ends with that one. */
export async function serveInFolder(
  context: CommandContext,
  flags: StartedFlags,
  serve: () => Promise<void>,
): Promise<void> {
  let orphaned = false
  const onParentGone = (): void => {
    orphaned = true
    context.stop()
  }
  if (flags.exitWithParent === true) {
    exitWithParent({ onParentGone })
    leaveWhenTold(context.stop)
  }
  const lock = lockDirectory(context.dataFolder)
  try {
    await serve()
  } finally {
    lock.release()
    // Our starter was killed and cannot tidy up itself; as long as it lives, it may start us again here.
    if (flags.temporaryData === true && orphaned) removeTemporary(context.dataFolder)
  }
}

/** Removes a folder, and the one around it once its last neighbour is gone. */
function removeTemporary(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  try {
    rmdirSync(dirname(folder))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error
  }
}
