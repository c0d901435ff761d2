import type { ShoalError } from '@shoal/host'
import type { CallReply, CallRequest } from './compute-calls.ts'

/**
 * Where a device's engine runs: a thread of this process, or a process of its own, which a crash of native code ends alone.
 * The device reaches its engine through this interface only, so nothing above it knows which of the two it is.
 *
 * Requests are answered in the order in which they were posted.
 */
export interface ComputeHost {
  /**
   * Whether the engine sees the memory of this process. If so, a `SharedArrayBuffer` in a request is shared and a
   * `MessagePort` moves; otherwise requests must contain neither.
   */
  readonly sharesMemory: boolean
  /**
   * Sends a request. `buffers`, which the request's arrays lie in, move to the engine and are empty afterwards.
   * @throws when a buffer or port has moved before; then the request was not sent
   */
  post(request: CallRequest, buffers: readonly ArrayBuffer[]): void
  /** Settles when the host has ended, whether it crashed or was told to; it never rejects. */
  readonly exited: Promise<void>
}

/** What a host tells the device. */
export interface ComputeHostListener {
  replied(reply: CallReply): void
  /** The host has crashed or ended: requests without a reply will get none. May be called twice for one end. */
  ended(error: ShoalError): void
}
