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
   * @throws {ShoalError} what the call threw; `no-capacity` when the queue is full; `not-ready` when the host has ended, so
   *   that callers turn to another peer until a new host has loaded the weights again
   */
  call<Name extends CallName>(name: Name, fields: CallArguments<Name>): Promise<CallResult<Name>>
  /** Answers what is queued, then ends the host; after a crash it only waits for the end. */
  stop(): Promise<void>
  /** Aborted when the host has ended; the reason says how. */
  readonly ended: AbortSignal
  /** True once `stop` has been called: the end of the host frees everything. */
  readonly stopped: boolean
}

interface PendingCall {
  readonly bytes: number
  resolve(result: CallResult<CallName>): void
  reject(error: Error): void
}

/** Calls without an answer, and the bytes that they hold. */
class PendingCalls {
  readonly #calls = new Map<number, PendingCall>()
  #bytes = 0

  /** Calls without float arrays are exempt: they free something, or the limit on sessions bounds their number. */
  checkRoom(bytes: number): void {
    const full = this.#calls.size >= limits.queuedCallsMax || this.#bytes + bytes > limits.queuedBytesMax
    if (bytes > 0 && full)
      throw new ShoalError(
        'no-capacity',
        `${this.#calls.size} calls with ${this.#bytes} bytes wait for this device already`,
      )
  }

  add(id: number, call: PendingCall): void {
    this.#calls.set(id, call)
    this.#bytes += call.bytes
  }

  take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    this.#bytes -= call?.bytes ?? 0
    return call
  }

  rejectAll(error: ShoalError): void {
    for (const id of this.#calls.keys()) this.take(id)?.reject(error)
  }
}

/** @param start starts the host, with a listener for its replies and its end */
export function createComputeClient(start: (listener: ComputeHostListener) => ComputeHost): ComputeClient {
  const pending = new PendingCalls()
  const ended = new AbortController()
  let nextId = 0
  let stopping: Promise<void> | null = null

  const host = start({
    replied(reply) {
      const call = pending.take(reply.id)
      if ('result' in reply) call?.resolve(reply.result)
      else call?.reject(errorOf(reply.failure))
    },
    ended(error) {
      if (ended.signal.aborted) return
      // Aborted before the calls are rejected: their callers ask next whether the host has ended.
      ended.abort(error)
      pending.rejectAll(error)
    },
  })
  const call = <Name extends CallName>(
    name: Name,
    fields: CallArguments<Name>,
  ): Promise<CallResult<Name>> => {
    const buffers = transferable(fields)
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)
    return new Promise((resolve, reject) => {
      ended.signal.throwIfAborted()
      pending.checkRoom(bytes)
      const id = nextId
      // The call is posted before it is noted as pending: when posting throws, no pending call is left behind.
      host.post({ id, name, arguments: fields }, buffers)
      nextId += 1
      // The reply to this id is the result of this call's name: the engine answers with nothing else.
      pending.add(id, { bytes, resolve, reject })
    })
  }
  const askToStop = async (): Promise<void> => {
    if (ended.signal.aborted) return
    try {
      await call('stop', null)
    } catch (error) {
      // A host that crashes meanwhile has stopped as well.
      if (!ended.signal.aborted) throw error
    }
  }
  return {
    sharesMemory: host.sharesMemory,
    call,
    get stopped() {
      return stopping !== null
    },
    stop() {
      stopping ??= askToStop().then(() => host.exited)
      return stopping
    },
    ended: ended.signal,
  }
}

function errorOf({ code, definite, message, stack }: CallFailure): Error {
  if (code !== null && isErrorCode(code)) return new ShoalError(code, message, { definite })
  const error = new Error(message)
  if (stack !== null) error.stack = stack
  return error
}
