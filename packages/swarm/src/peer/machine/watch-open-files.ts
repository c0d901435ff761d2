import { withoutPaths } from '../../placement/problems.ts'
import { every, messageOf, type Clock, type Logger } from '@shoal/host'

/**
 * Interval of the checks. A node that can open no files or sockets serves nobody new, so telling others within this
 * time is soon enough.
 */
const lookEveryMs = 5_000

export interface OpenFilesDependencies {
  readonly clock: Clock
  readonly logger: Logger
  /** Whether this process may open one more file. */
  readonly canOpenFiles: () => Promise<boolean>
  /** Why a file that this peer keeps is behind what it knows; null when none is, or when it keeps none. */
  readonly fileLack?: () => string | null
}

/**
 * Watches whether this process may open files. At the limit of the operating system a node goes on with the connections
 * it has, but accepts no new one and reads no weights. The check is needed because libuv closes connections that it
 * cannot accept without an event. Tells files of the swarm that the disk does not take as well.
 * @returns a function that ends the watch
 */
export function watchOpenFiles(
  { clock, logger, canOpenFiles, fileLack = () => null }: OpenFilesDependencies,
  onLack: (lack: string) => void,
): () => void {
  let lack = ''
  const timer = every(
    clock,
    lookEveryMs,
    async () => {
      const open = (await canOpenFiles())
        ? ''
        : 'too many files and connections are open: raise the limit (ulimit -n)'
      const now = open === '' ? unwritten(fileLack()) : open
      if (now !== lack) onLack(now)
      lack = now
    },
    (error) => logger.warn('open-files-unknown', { reason: messageOf(error) }),
  )
  return () => timer.cancel()
}

const unwritten = (lack: string | null): string =>
  lack === null ? '' : `what this peer knows of its swarm cannot be kept on its disk: ${withoutPaths(lack)}`
