import { every, messageOf, type Clock, type Logger } from '@shoal/host'

/** How often it is tried: a node without files or sockets serves nobody new, so this is soon enough to tell. */
const lookEveryMs = 5_000

export interface OpenFilesDependencies {
  readonly clock: Clock
  readonly logger: Logger
  /** Whether this process may open one more file. */
  readonly canOpenFiles: () => Promise<boolean>
}

/**
 * Watches whether this process may open files. At the limit of the operating system a node goes on with the connections it
 * has, but takes no new one and reads no weights; and libuv closes what it cannot accept without a word.
 * @returns a function that ends the watch
 */
export function watchOpenFiles(
  { clock, logger, canOpenFiles }: OpenFilesDependencies,
  onLack: (lack: string) => void,
): () => void {
  let lack = ''
  const timer = every(
    clock,
    lookEveryMs,
    async () => {
      const now = (await canOpenFiles())
        ? ''
        : 'too many files and connections are open: raise the limit (ulimit -n)'
      if (now !== lack) onLack(now)
      lack = now
    },
    (error) => logger.warn('open-files-unknown', { reason: messageOf(error) }),
  )
  return () => timer.cancel()
}
