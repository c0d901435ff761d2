import { systemClock, systemRandom } from '@shoal/host/node'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { nativeRuntime } from '../computers/inference-session.ts'
import { createComputeEngine } from '../engine/compute-engine.ts'
import { openGate } from '../native-gate.ts'
import { answerRequests } from './answer-requests.ts'
import type { CallRequest } from './compute-calls.ts'
import type { ToComputeProcess } from './process-host.ts'

/**
 * The process that computes: one per device, and the only one that calls onnxruntime. Its first message carries the
 * settings, each later one a request. It ends with its parent, whose end closes the channel between them.
 */
if (process.send === undefined) throw new Error('process.ts must be started with an IPC channel')
const send = process.send.bind(process)
let take: ((request: CallRequest) => void) | null = null

process.on('message', (message: ToComputeProcess) => {
  if (take !== null) {
    take((message as Extract<ToComputeProcess, { request: unknown }>).request)
    return
  }
  const { settings } = message as Extract<ToComputeProcess, { settings: unknown }>
  const engine = createComputeEngine(
    { clock: systemClock, random: systemRandom },
    settings.manifest,
    nativeRuntime({ ...settings, gate: openGate }),
  )
  take = answerRequests(
    engine,
    (reply, { name }) => {
      send(reply, undefined, undefined, () => {
        if (name === 'stop') process.disconnect()
      })
    },
    () => nextTurn(),
    systemClock,
  )
})
process.on('disconnect', () => process.exit(0))
// The signals of a terminal go to all its processes: the parent first lets its sessions end, then stops this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
