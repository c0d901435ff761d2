import { createPreciseClock } from '@shoal/host/node'
import type { Device } from '@shoal/runtime'
import type { Scope } from '../../scope.ts'
import { slowed } from './slow-device.ts'

/** Slows a device down by a factor; 1 leaves it as it is. Half blocks take fractions of the event loop's milliseconds. */
export function paced(device: Device, slowdown: number, scope: Scope): Device {
  if (slowdown === 1) return device
  const clock = createPreciseClock()
  scope.onClose(() => clock.close())
  return slowed(device, clock, slowdown)
}
