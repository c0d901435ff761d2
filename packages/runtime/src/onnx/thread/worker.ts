import { messageOf, ShoalError } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { parentPort, workerData } from 'node:worker_threads'
import { transferable, type CallReply, type CallRequest, type ComputeSettings } from './compute-calls.ts'
import { createComputeEngine } from './compute-engine.ts'

/**
 * The thread that computes: one per device, the only one that calls onnxruntime, whose calls block. Messages arrive in
 * order and are answered in order, one after the other, also while a rank waits for others in this thread.
 */
if (parentPort === null) throw new Error('worker.ts is started as a worker thread')
const port = parentPort
const engine = createComputeEngine(
  { clock: systemClock, random: systemRandom },
  workerData as ComputeSettings,
)
/** Bounded by the callers' side. */
const waiting: CallRequest[] = []

async function answer(request: CallRequest): Promise<CallReply> {
  try {
    return { id: request.id, result: await engine.call(request.name, request.arguments) }
  } catch (error) {
    const { code, definite } = error instanceof ShoalError ? error : { code: null, definite: false }
    const stack = error instanceof Error ? (error.stack ?? null) : null
    return { id: request.id, failure: { code, definite, message: messageOf(error), stack } }
  }
}

async function work(): Promise<void> {
  for (let request = waiting[0]; request !== undefined; request = waiting[0]) {
    const reply = await answer(request)
    waiting.shift()
    port.postMessage(reply, 'result' in reply ? transferable(reply.result) : [])
    if (request.name === 'stop') port.close()
  }
}

port.on('message', (request: CallRequest) => {
  waiting.push(request)
  // Otherwise the one before is still at it.
  if (waiting.length === 1) void work()
})
