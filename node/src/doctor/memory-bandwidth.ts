import type { Clock } from '@shoal/host'

/** Bytes to copy: four times the largest common CPU cache. */
const copiedBytes = 256 * 2 ** 20

/** Repetitions, of which the fastest counts: it is disturbed least by other work on the machine. */
const repetitions = 5

/** Bytes read and written per second by a plain copy; a decode step reads every weight once, so this bounds it. */
export function memoryBandwidth(clock: Clock): number {
  const source = new Uint8Array(copiedBytes).fill(1)
  const target = new Uint8Array(copiedBytes)
  target.set(source) // The first copy also maps the pages.
  const durations = Array.from({ length: repetitions }, () => {
    const startMs = clock.nowMs()
    target.set(source)
    return clock.nowMs() - startMs
  })
  return Math.round((2 * copiedBytes) / (Math.min(...durations) / 1000))
}
