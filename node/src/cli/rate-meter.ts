/** Measures the rate of long work and estimates the time left. Pure: time is an argument. */
export interface RateMeter {
  /** @returns bytes per second over the last seconds, and seconds left; null while there are too few samples */
  sample(
    nowMs: number,
    doneBytes: number,
    totalBytes: number,
  ): { bytesPerSecond: number | null; secondsLeft: number | null }
}

/** Window of the average: short enough to follow a change of the link, long enough to be steady. */
const windowMs = 8_000
/** Least time of measuring before a rate is shown. */
const leastMs = 500

export function createRateMeter(): RateMeter {
  let samples: { nowMs: number; doneBytes: number }[] = []
  return {
    sample(nowMs, doneBytes, totalBytes) {
      // Work that was discarded starts again, and so does the measurement.
      if (doneBytes < (samples.at(-1)?.doneBytes ?? 0)) samples = []
      samples.push({ nowMs, doneBytes })
      while (samples.length > 2 && nowMs - samples[1]!.nowMs >= windowMs) samples.shift()
      const first = samples[0]!
      const passedMs = nowMs - first.nowMs
      if (passedMs < leastMs || doneBytes === first.doneBytes)
        return { bytesPerSecond: null, secondsLeft: null }
      const bytesPerSecond = ((doneBytes - first.doneBytes) * 1000) / passedMs
      return { bytesPerSecond, secondsLeft: Math.ceil(Math.max(0, totalBytes - doneBytes) / bytesPerSecond) }
    },
  }
}

/** `45 s`, `3:07`, `2:05:00`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const whole = Math.ceil(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
