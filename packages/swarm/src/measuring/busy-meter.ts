import type { Clock } from '@shoal/host'
import { decorateRunner, decorateRunners, type BlockRunner, type Device } from '@shoal/runtime'

/** Measures the share of time in which a device has blocks to compute, waiting calls included. Beats carry it as load. */
export interface BusyMeter {
  /** The share since the last call, in thousandths. The higher it is, the more routes avoid the peer. */
  takePermille(): number
  /** The device, whose runners' calls are counted as busy time. */
  watch(device: Device): Device
}

export function createBusyMeter(clock: Clock): BusyMeter {
  let underWay = 0
  let sinceMs = clock.nowMs()
  let busySinceMs = 0
  let busyMs = 0

  const begin = (): void => {
    if (underWay === 0) busySinceMs = clock.nowMs()
    underWay += 1
  }
  const end = (): void => {
    underWay -= 1
    if (underWay === 0) busyMs += clock.nowMs() - busySinceMs
  }

  const watched = (runner: BlockRunner): BlockRunner =>
    decorateRunner(runner, {
      async forward(session, position, hidden) {
        begin()
        try {
          return await runner.forward(session, position, hidden)
        } finally {
          end()
        }
      },
    })

  return {
    takePermille() {
      const nowMs = clock.nowMs()
      const busy = busyMs + (underWay > 0 ? nowMs - busySinceMs : 0)
      const elapsedMs = nowMs - sinceMs
      sinceMs = nowMs
      busySinceMs = nowMs
      busyMs = 0
      return elapsedMs <= 0 ? 0 : Math.min(1000, Math.round((1000 * busy) / elapsedMs))
    },
    watch: (device) => decorateRunners(device, watched),
  }
}
