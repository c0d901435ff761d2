import { isErrorCode, ShoalError, type Logger } from '@shoal/host'
import { Worker } from 'node:worker_threads'
import { limits } from '../../limits.ts'
import {
  portsIn,
  transferable,
  type CallArguments,
  type CallFailure,
  type CallName,
  type CallReply,
  type CallRequest,
  type CallResult,
  type ComputeSettings,
} from './compute-calls.ts'
import { closeGate, createGateMemory } from './native-gate.ts'

/** The caller's end of a worker thread. */
export interface ComputeWorker {
  /**
   * Queues a call; float arrays in its arguments move to the worker and are empty afterwards.
   * @throws {ShoalError} what the call threw; `no-capacity` when the queue is full; `compute-failed` when the worker has ended
   */
  call<Name extends CallName>(name: Name, fields: CallArguments<Name>): Promise<CallResult<Name>>
  /** Answers what is queued, then ends the thread. */
  stop(): Promise<void>
  /** True once `stop` has been called: everything is freed with the thread. */
  readonly stopped: boolean
}

interface Pending {
  readonly bytes: number
  resolve(result: CallResult<CallName>): void
  reject(error: Error): void
}

export function startComputeWorker(
  given: Omit<ComputeSettings, 'gateMemory'>,
  logger: Logger,
): ComputeWorker {
  const settings: ComputeSettings = { ...given, gateMemory: createGateMemory() }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: settings,
    name: 'shoal-compute',
    resourceLimits: { maxYoungGenerationSizeMb: limits.workerYoungGenerationMiB },
  })
  const onProcessExit = (): void => closeGate(settings.gateMemory, limits.exitWaitMs)
  process.on('exit', onProcessExit)
  const pending = new Map<number, Pending>()
  let nextId = 0
  let queuedBytes = 0
  let ended: ShoalError | null = null
  let stopping: Promise<void> | null = null

  const settle = (id: number): Pending | undefined => {
    const call = pending.get(id)
    pending.delete(id)
    queuedBytes -= call?.bytes ?? 0
    return call
  }
  const end = (error: ShoalError): void => {
    ended ??= error
    for (const id of pending.keys()) settle(id)?.reject(ended)
  }
  worker.on('message', (reply: CallReply) => {
    const call = settle(reply.id)
    if ('result' in reply) call?.resolve(reply.result)
    else call?.reject(errorOf(reply.failure))
  })
  worker.on('error', (cause) => {
    logger.error('compute-worker-failed', { message: cause.message })
    end(new ShoalError('compute-failed', `the compute thread ended: ${cause.message}`, { cause }))
  })
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (status) => {
      process.off('exit', onProcessExit)
      end(new ShoalError('compute-failed', `the compute thread has ended with status ${status}`))
      resolve()
    })
  })

  function call<Name extends CallName>(name: Name, fields: CallArguments<Name>): Promise<CallResult<Name>> {
    const buffers = transferable(fields)
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)
    return new Promise((resolve, reject) => {
      if (ended !== null) throw ended
      // Only calls that bring rows: the others free things, or sessions bound them.
      if (
        bytes > 0 &&
        (pending.size >= limits.queuedCallsMax || queuedBytes + bytes > limits.queuedBytesMax)
      ) {
        throw new ShoalError(
          'no-capacity',
          `${pending.size} calls with ${queuedBytes} bytes wait for this device already`,
        )
      }
      const id = nextId
      // Throws when a buffer or port has gone to the worker already; then nothing waits for an answer.
      worker.postMessage({ id, name, arguments: fields } satisfies CallRequest<Name>, [
        ...buffers,
        ...portsIn(fields),
      ])
      nextId += 1
      // The reply to this id is the result of this call's name: the worker answers with nothing else.
      pending.set(id, { bytes, resolve, reject })
      queuedBytes += bytes
    })
  }

  return {
    call,
    get stopped() {
      return stopping !== null
    },
    stop() {
      stopping ??= (ended === null ? call('stop', null) : Promise.resolve()).then(() => exited)
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
