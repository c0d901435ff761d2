/** How fast long work goes, and when it will be done. Pure: time is an argument. */
export interface RateMeter {
  /** @returns bytes per second over the last seconds, and seconds left; null while nobody can say */
  sample(
    nowMs: number,
    doneBytes: number,
    totalBytes: number,
  ): { bytesPerSecond: number | null; secondsLeft: number | null }
}

/** Short enough to follow a change of the link, long enough not to jump. */
const windowMs = 8_000
/** The first rates would be guesses. */
const leastMs = 500

export function createRateMeter(): RateMeter {
  let samples: { nowMs: number; doneBytes: number }[] = []
  return {
    sample(nowMs, doneBytes, totalBytes) {
      // Work that had to be thrown away is begun again, and so is the measurement.
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
