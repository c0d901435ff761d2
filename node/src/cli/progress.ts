import { SingleBar } from 'cli-progress'
import type { Clock } from '@shoal/host'
import { formatBytes, systemClock } from '@shoal/host/node'
import type { Progress } from '@shoal/swarm'
import { createRateMeter, formatSeconds, type RateMeter } from './rate-meter.ts'

const words: Record<Progress['activity'], string> = {
  pack: 'packing',
  fetch: 'fetching',
  load: 'loading',
  probe: 'probing',
}

export interface ProgressBar {
  update(progress: Progress): void
  stop(): void
}

/** A progress bar on stderr when that is a terminal, and nothing otherwise: logs report progress there. */
export function createProgressBar(
  stderr: NodeJS.WriteStream = process.stderr,
  clock: Clock = systemClock,
): ProgressBar {
  if (stderr.isTTY !== true) return { update: () => undefined, stop: () => undefined }
  let bar: SingleBar | null = null
  let activity: Progress['activity'] | null = null
  let meter: RateMeter = createRateMeter()
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
        meter = createRateMeter()
        bar = new SingleBar({
          stream: stderr,
          format: `${words[activity]} {bar} {percentage}% {done} of {whole}{rate}`,
          hideCursor: true,
          clearOnComplete: true,
          barsize: 30,
        })
        bar.start(Math.max(1, progress.totalBytes), 0, {
          done: '',
          whole: formatBytes(progress.totalBytes),
          rate: '',
        })
      }
      bar?.setTotal(Math.max(1, progress.totalBytes))
      bar?.update(progress.doneBytes, {
        done: formatBytes(progress.doneBytes),
        whole: formatBytes(progress.totalBytes),
        rate: rateText(meter, clock.nowMs(), progress),
      })
      if (progress.doneBytes >= progress.totalBytes) stop()
    },
    stop,
  }
}

/** `, 12.3 MiB/s, 3:07 left`; empty while the rate is unknown. */
function rateText(meter: RateMeter, nowMs: number, { doneBytes, totalBytes }: Progress): string {
  const { bytesPerSecond, secondsLeft } = meter.sample(nowMs, doneBytes, totalBytes)
  if (bytesPerSecond === null || secondsLeft === null) return ''
  return `, ${formatBytes(bytesPerSecond)}/s, ${formatSeconds(secondsLeft)} left`
}
