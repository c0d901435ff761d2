import { rmdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { ShoalError } from '@shoal/host'
import { exitWithParent, keepHeapSmall, lockDirectory } from '@shoal/host/node'
import { leaveWhenTold } from '../leave-message.ts'
import type { CommandContext } from './context.ts'
import type { StartedFlags } from './options.ts'

/**
 * Runs a serving command. One that is told to stop while it still joins or fetches has done what it was told, so that it
 * has not failed: a service manager would report a failure otherwise.
 */
export async function untilStopped(context: CommandContext, serve: () => Promise<void>): Promise<void> {
  try {
    await serve()
  } catch (error) {
    const stopped = context.signal.aborted && error instanceof ShoalError && error.code === 'cancelled'
    if (!stopped) throw error
    context.logger.info('stopped', { before: 'serving' })
  }
}

/** Runs a serving command with the lock of its data directory. With `--exit-with-parent` it ends with its parent. */
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
  const smallHeap = keepHeapSmall(context.clock)
  try {
    await untilStopped(context, serve)
  } finally {
    smallHeap.cancel()
    lock.release()
    // The parent was killed and cannot remove the folder. While it lives, it may start this node here again.
    if (flags.temporaryData === true && orphaned) removeTemporary(context.dataFolder)
  }
}

/** Removes a folder, and its parent folder once that is empty. */
function removeTemporary(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  try {
    rmdirSync(dirname(folder))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error
  }
}
