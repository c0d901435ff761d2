import type { Stream } from '@libp2p/interface'
import type { Clock, Timer } from '@shoal/host'
import { limits } from '../../limits.ts'
import type { RelayPace } from './relay-pace.ts'

/**
 * Reads one side of a relayed connection no faster than the relay forwards it: libp2p joins the two streams through a queue
 * without a bound, so that a sender that is faster than its receiver would fill the relay's memory. A stream that is paused
 * opens no more of its window, which is far below the read buffer at which libp2p resets a stream.
 */
export function paceStream(source: Stream, target: Stream, paces: readonly RelayPace[], clock: Clock): void {
  let timer: Timer | undefined
  let paused = false
  const resumeIfDrained = (): void => {
    if (!paused || timer !== undefined || target.writeBufferLength > limits.relayQueuedBytes) return
    paused = false
    if (source.status === 'open') source.resume()
  }
  source.addEventListener('message', ({ data }) => {
    const waitMs = Math.max(...paces.map((pace) => pace.charge(data.byteLength)))
    if (waitMs < limits.relayPauseMsMin && target.writeBufferLength <= limits.relayQueuedBytes) return
    if (waitMs >= limits.relayPauseMsMin) {
      timer?.cancel()
      timer = clock.after(waitMs, () => {
        timer = undefined
        resumeIfDrained()
      })
    }
    if (paused) return
    paused = true
    // Inside this event, `pause` would leave the window opening (docs/network.md).
    queueMicrotask(() => {
      if (paused && source.status === 'open') source.pause()
    })
  })
  target.addEventListener('drain', resumeIfDrained)
  target.addEventListener('idle', resumeIfDrained)
  const end = (): void => timer?.cancel()
  source.addEventListener('close', end)
  target.addEventListener('close', end)
}
