import { SingleBar } from 'cli-progress'
import { formatBytes } from '@shoal/host/node'
import type { Progress } from '@shoal/swarm'

const words: Record<Progress['activity'], string> = { pack: 'packing', fetch: 'fetching', load: 'loading', probe: 'probing' }

export interface ProgressBar {
  update(progress: Progress): void
  stop(): void
}

/** A bar on stderr when that is a terminal, else nothing: logs tell the rest. */
export function createProgressBar(stderr: NodeJS.WriteStream = process.stderr): ProgressBar {
  if (stderr.isTTY !== true) return { update: () => undefined, stop: () => undefined }
  let bar: SingleBar | null = null
  let activity: Progress['activity'] | null = null
  const stop = (): void => {
    bar?.stop()
    bar = null
    activity = null
  }
  return {
    update(progress) {
      if (activity !== progress.activity) {
        stop()
        activity = progress.activity
        bar = new SingleBar({ stream: stderr, format: `${words[activity]} {bar} {percentage}% {done} of {total}`, hideCursor: true, clearOnComplete: true, barsize: 30 })
        bar.start(Math.max(1, progress.totalBytes), 0, { done: '', total: '' })
      }
      bar?.setTotal(Math.max(1, progress.totalBytes))
      bar?.update(progress.doneBytes, { done: formatBytes(progress.doneBytes), total: formatBytes(progress.totalBytes) })
      if (progress.doneBytes >= progress.totalBytes) stop()
    },
    stop,
  }
}
