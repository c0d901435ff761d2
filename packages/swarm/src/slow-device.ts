import { sleep, type Clock } from '@shoal/host'
import type { BlockRunner, Device } from '@shoal/runtime'

/**
 * The same device, so many times slower: answers are held back as if each call had taken that much longer and those
 * behind it had waited. For swarms of unequal devices on one machine.
 */
export function slowed(device: Device, clock: Clock, slowdown: number): Device {
  let endedMs = clock.nowMs()
  let doneMs = endedMs
  const held = (runner: BlockRunner): BlockRunner => ({
    ...runner,
    async forward(session, position, hidden) {
      const beganMs = clock.nowMs()
      const rows = await runner.forward(session, position, hidden)
      const nowMs = clock.nowMs()
      const computedMs = nowMs - Math.max(beganMs, endedMs)
      endedMs = nowMs
      doneMs = Math.max(doneMs, nowMs - computedMs) + computedMs * slowdown
      // Timers come up to a millisecond late: rounded down, the mean is right.
      const restMs = Math.floor(doneMs - nowMs)
      if (restMs > 0) await sleep(clock, restMs)
      return rows
    },
  })
  return {
    kind: device.kind,
    threads: device.threads,
    // It may become `none` while blocks are loaded.
    get numericClass() {
      return device.numericClass
    },
    loadBlocks: async (range, options) => held(await device.loadBlocks(range, options)),
    loadRank: async (range, options) => held(await device.loadRank(range, options)),
    loadHead: () => device.loadHead(),
    loadEmbedding: () => device.loadEmbedding(),
    close: () => device.close(),
  }
}
