import { messageOf, ShoalError } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { parentPort, workerData } from 'node:worker_threads'
import { createComputeEngine } from '../engine/compute-engine.ts'
import { nativeGate } from '../native-gate.ts'
import { transferable, type CallReply, type CallRequest } from './compute-calls.ts'
import type { ThreadData } from './thread-host.ts'

/**
 * The thread that computes: one per device, and the only one that calls onnxruntime, whose calls block. Requests are
 * answered one after the other in the order of their arrival, also while a rank waits for others in this thread.
 */
if (parentPort === null) throw new Error('thread.ts must be started as a worker thread')
const port = parentPort
const { settings, gateMemory } = workerData as ThreadData
const engine = createComputeEngine(
  { clock: systemClock, random: systemRandom },
  settings,
  nativeGate(gateMemory),
)
/** Requests that are not answered yet. The compute client bounds their number (`checkRoom`). */
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
  // With more than one waiting, the loop that answers the first goes on to this one. A failure of the loop itself ends
  // the thread, which the device reports.
  if (waiting.length === 1) void work()
})
