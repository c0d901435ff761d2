import '../no-telemetry.ts'
import { ShoalError, type Logger } from '@shoal/host'
import { MessagePort, Worker } from 'node:worker_threads'
import { limits } from '../../limits.ts'
import { closeGate, createGateMemory } from '../native-gate.ts'
import { type CallReply, type ComputeSettings } from './compute-calls.ts'
import type { ComputeHost, ComputeHostListener } from './compute-host.ts'

/** What the thread is started with. */
export interface ThreadData {
  readonly settings: ComputeSettings
  readonly gateMemory: SharedArrayBuffer
}

/** Runs the engine in a worker thread, which ends itself once it has answered `stop`. */
export function startThreadHost(
  settings: ComputeSettings,
  logger: Logger,
  listener: ComputeHostListener,
): ComputeHost {
  const gateMemory = createGateMemory()
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData: { settings, gateMemory } satisfies ThreadData,
    name: 'shoal-compute',
    resourceLimits: { maxYoungGenerationSizeMb: limits.workerYoungGenerationMiB },
  })
  const onProcessExit = (): void => closeGate(gateMemory, limits.exitWaitMs)
  process.on('exit', onProcessExit)
  worker.on('message', (reply: CallReply) => listener.replied(reply))
  worker.on('error', (cause) => {
    logger.error('compute-worker-failed', { message: cause.message })
    listener.ended(new ShoalError('not-ready', `the compute thread ended: ${cause.message}`, { cause }))
  })
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (status) => {
      process.off('exit', onProcessExit)
      listener.ended(new ShoalError('not-ready', `the compute thread has ended with status ${status}`))
      resolve()
    })
  })
  return {
    sharesMemory: true,
    post: (request, buffers) => worker.postMessage(request, [...buffers, ...portsIn(request.arguments)]),
    exited,
  }
}

/** Ports that move to the other thread with a message. */
function portsIn(fields: object | null): MessagePort[] {
  return Object.values(fields ?? {}).flatMap((value: unknown) =>
    typeof value === 'object' && value !== null && 'port' in value && value.port instanceof MessagePort
      ? [value.port]
      : [],
  )
}
