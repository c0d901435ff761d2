import type { Clock } from '@shoal/host'

/** Bytes that leave the caches behind: four times the largest common one. */
const copiedBytes = 256 * 2 ** 20

/** The quickest counts: what others take from the machine meanwhile is not its bandwidth. */
const repetitions = 5

/** Bytes read and written per second by a plain copy; a decode step reads every weight once, so this bounds it. */
export function memoryBandwidth(clock: Clock): number {
  const source = new Uint8Array(copiedBytes).fill(1)
  const target = new Uint8Array(copiedBytes)
  target.set(source) // the first copy pays for the pages
  const durations = Array.from({ length: repetitions }, () => {
    const startMs = clock.nowMs()
    target.set(source)
    return clock.nowMs() - startMs
  })
  return Math.round((2 * copiedBytes) / (Math.min(...durations) / 1000))
}
