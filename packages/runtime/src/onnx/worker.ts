import { messageOf, ShoalError } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { parentPort, workerData } from 'node:worker_threads'
import { transferable, type CallReply, type CallRequest, type ComputeSettings } from './compute-calls.ts'
import { createComputeEngine } from './compute-engine.ts'

/**
 * The thread that computes: one per device, the only one that calls onnxruntime, whose calls block. Messages arrive in
 * order and are answered in order, so the port itself is the queue.
 */
if (parentPort === null) throw new Error('worker.ts is started as a worker thread')
const port = parentPort
const engine = createComputeEngine(systemClock, workerData as ComputeSettings)

function answer(request: CallRequest): CallReply {
  try {
    return { id: request.id, result: engine.call(request.name, request.arguments) }
  } catch (error) {
    const code = error instanceof ShoalError ? error.code : null
    const stack = error instanceof Error ? (error.stack ?? null) : null
    return { id: request.id, failure: { code, message: messageOf(error), stack } }
  }
}

port.on('message', (request: CallRequest) => {
  const reply = answer(request)
  port.postMessage(reply, 'result' in reply ? transferable(reply.result) : [])
  if (request.name === 'stop') port.close()
})
