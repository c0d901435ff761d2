import { onAbort, ShoalError, type Logger } from '@shoal/host'
import { createComputeClient, type ComputeClient } from './compute-client.ts'
import type { ComputeHost, ComputeHostListener } from './compute-host.ts'

/** A device's compute host, started again after its end. What was loaded in the former one is gone and loaded anew. */
export interface RestartingClient {
  /** The client of the running host; starts one when the last has ended. @throws {ShoalError} `cancelled` once stopped */
  current(): ComputeClient
  stop(): Promise<void>
}

export function createRestartingClient(
  logger: Logger,
  start: (listener: ComputeHostListener) => ComputeHost,
): RestartingClient {
  let stopping = false
  let restarts = -1
  const begin = (): ComputeClient => {
    restarts += 1
    if (restarts > 0) logger.info('compute-restarted', { restarts })
    const client = createComputeClient(start)
    onAbort(client.ended, () => {
      const { message } = client.ended.reason as ShoalError
      if (!stopping) logger.error('compute-ended', { reason: message })
    })
    return client
  }
  let client = begin()
  return {
    current() {
      if (stopping) throw new ShoalError('cancelled', 'this device has been closed')
      if (client.ended.aborted) client = begin()
      return client
    },
    stop() {
      stopping = true
      return client.stop()
    },
  }
}
