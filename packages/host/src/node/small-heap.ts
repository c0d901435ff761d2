import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import type { Clock, Timer } from '../clock.ts'
import { every } from '../clock.ts'

/**
 * V8 lets the space of young objects grow to 128 MiB on a machine with much memory, and the old ones to four times what was
 * alive after the last collection: whoever makes a node allocate fills all of that with garbage. A node whose live objects
 * take 50 MiB is as fast with these bounds (docs/threat-model.md).
 */
const smallHeap = {
  /** Both halves of the space of young objects. */
  youngBytes: 16 * 1024 * 1024,
  /** How much the old objects grow, in percent, until they are collected. */
  growthPercent: 30,
  lookEveryMs: 100,
} as const

/**
 * Keeps the garbage of this thread small, from now on. V8 takes its usual bound of the young objects from the command line
 * only, before any module runs, so the growth is stopped at the bound instead, and allowed again when V8 has shrunk it.
 */
export function keepHeapSmall(clock: Clock): Timer {
  setFlagsFromString(`--heap-growing-percent=${smallHeap.growthPercent}`)
  let grows = true
  const look = (): void => {
    const mayGrow = youngBytes() < smallHeap.youngBytes
    if (mayGrow === grows) return
    grows = mayGrow
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`)
  }
  look()
  return every(clock, smallHeap.lookEveryMs, look, () => undefined)
}

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0
