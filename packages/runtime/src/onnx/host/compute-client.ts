import { isErrorCode, ShoalError } from '@shoal/host'
import { limits } from '../../limits.ts'
import {
  transferable,
  type CallArguments,
  type CallFailure,
  type CallName,
  type CallResult,
} from './compute-calls.ts'
import type { ComputeHost, ComputeHostListener } from './compute-host.ts'

/** The device's end of a compute host: calls and their answers. */
export interface ComputeClient {
  /** As {@link ComputeHost.sharesMemory}. */
  readonly sharesMemory: boolean
  /**
   * Queues a call. Float arrays in its arguments move to the engine and are empty afterwards.
   * @throws {ShoalError} what the call threw; `no-capacity` when the queue is full; `compute-failed` when the host has ended
   */
  call<Name extends CallName>(name: Name, fields: CallArguments<Name>): Promise<CallResult<Name>>
  /** Answers what is queued, then ends the host. */
  stop(): Promise<void>
  /** True once `stop` has been called: the end of the host frees everything. */
  readonly stopped: boolean
}

interface PendingCall {
  readonly bytes: number
  resolve(result: CallResult<CallName>): void
  reject(error: Error): void
}

/** @param start starts the host, with a listener for its replies and its end */
export function createComputeClient(start: (listener: ComputeHostListener) => ComputeHost): ComputeClient {
  const pending = new Map<number, PendingCall>()
  let nextId = 0
  let queuedBytes = 0
  let ended: ShoalError | null = null
  let stopping: Promise<void> | null = null

  const settle = (id: number): PendingCall | undefined => {
    const call = pending.get(id)
    pending.delete(id)
    queuedBytes -= call?.bytes ?? 0
    return call
  }
  const host = start({
    replied(reply) {
      const call = settle(reply.id)
      if ('result' in reply) call?.resolve(reply.result)
      else call?.reject(errorOf(reply.failure))
    },
    ended(error) {
      ended ??= error
      for (const id of pending.keys()) settle(id)?.reject(ended)
    },
  })
  /** Calls without float arrays are exempt: they free something, or the limit on sessions bounds their number. */
  const checkRoom = (bytes: number): void => {
    const full = pending.size >= limits.queuedCallsMax || queuedBytes + bytes > limits.queuedBytesMax
    if (bytes > 0 && full)
      throw new ShoalError(
        'no-capacity',
        `${pending.size} calls with ${queuedBytes} bytes wait for this device already`,
      )
  }
  const call = <Name extends CallName>(
    name: Name,
    fields: CallArguments<Name>,
  ): Promise<CallResult<Name>> => {
    const buffers = transferable(fields)
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)
    return new Promise((resolve, reject) => {
      if (ended !== null) throw ended
      checkRoom(bytes)
      const id = nextId
      // Posted first: when this throws, no pending call is left behind.
      host.post({ id, name, arguments: fields }, buffers)
      nextId += 1
      // The reply to this id is the result of this call's name: the engine answers with nothing else.
      pending.set(id, { bytes, resolve, reject })
      queuedBytes += bytes
    })
  }
  return {
    sharesMemory: host.sharesMemory,
    call,
    get stopped() {
      return stopping !== null
    },
    stop() {
      stopping ??= (ended === null ? call('stop', null) : Promise.resolve()).then(() => host.exited)
      return stopping
    },
  }
}

function errorOf({ code, definite, message, stack }: CallFailure): Error {
  if (code !== null && isErrorCode(code)) return new ShoalError(code, message, { definite })
  const error = new Error(message)
  if (stack !== null) error.stack = stack
  return error
}
