import { createPreciseClock } from '@shoal/host/node'
import type { Device } from '@shoal/runtime'
import type { Scope } from '../../scope.ts'
import { slowed } from './slow-device.ts'

/** A device as it is, or so many times slower. The event loop's timers count whole milliseconds, half-blocks take fractions. */
export function paced(device: Device, slowdown: number, scope: Scope): Device {
  if (slowdown === 1) return device
  const clock = createPreciseClock()
  scope.onClose(() => clock.close())
  return slowed(device, clock, slowdown)
}
