import { systemClock, systemRandom } from '@shoal/host/node'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { nativeRuntime } from '../computers/inference-session.ts'
import { createComputeEngine } from '../engine/compute-engine.ts'
import { nativeGate } from '../native-gate.ts'
import { answerRequests } from './answer-requests.ts'
import { transferable, type CallRequest } from './compute-calls.ts'
import type { ThreadData } from './thread-host.ts'

/** The thread that computes: one per device, and the only one that calls onnxruntime, whose calls block. */
if (parentPort === null) throw new Error('thread.ts must be started as a worker thread')
const port = parentPort
const { settings, gateMemory } = workerData as ThreadData
const engine = createComputeEngine(
  { clock: systemClock, random: systemRandom },
  settings.manifest,
  nativeRuntime({ ...settings, gate: nativeGate(gateMemory) }),
)
/**
 * Before the first call after a rest, what has arrived is read from the port: a turn of the event loop takes 50 to 80 µs
 * there, each time that a step comes to a stage. Later calls wait for a turn, so that a busy thread still runs its timers.
 */
const letArrive = async (idle: boolean): Promise<void> => {
  if (!idle) return nextTurn()
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
    take(next.message as CallRequest)
}
const take = answerRequests(
  engine,
  (reply, { name }) => {
    port.postMessage(reply, 'result' in reply ? transferable(reply.result) : [])
    if (name === 'stop') port.close()
  },
  letArrive,
  systemClock,
)
port.on('message', (request: CallRequest) => take(request))
