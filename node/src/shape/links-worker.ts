/** Worker thread that runs the links of a shaped swarm. */
import { parentPort, workerData } from 'node:worker_threads'
import { seededRandom } from '@shoal/host'
import { createPreciseClock } from '@shoal/host/node'
import type { LinksPlan, LinksReady } from './links.ts'
import { startLinkProxy } from './proxy.ts'
import { createWire, type Wire } from './wire.ts'

if (parentPort === null) throw new Error('links-worker.ts is started as a worker thread')
const { seed, targetPorts, access, links } = workerData as LinksPlan
const clock = createPreciseClock()
const random = seededRandom(seed)

const up = access.map(({ upMbps }) => createWire(upMbps))
const down = access.map(({ downMbps }) => createWire(downMbps))
/** One wire for each direction of each pair, whichever of the two has dialled. */
const between = links.map((row) => row.map(({ mbps }) => createWire(mbps)))

const defined = (wires: readonly (Wire | undefined)[]): Wire[] => wires.filter((wire) => wire !== undefined)
const way = (from: number, to: number): Wire[] => defined([up[from], between[from]?.[to], down[to]])

const ports = await Promise.all(
  links.map((row, from) =>
    Promise.all(
      row.map(async (shape, to) => {
        const targetPort = targetPorts[to]
        if (from === to || targetPort === undefined) return null
        const { port } = await startLinkProxy(clock, random, {
          targetPort,
          shape,
          wires: { forward: way(from, to), back: way(to, from) },
        })
        return port
      }),
    ),
  ),
)
parentPort.postMessage({ ports } satisfies LinksReady)
// A listener keeps the thread alive until it is terminated from outside.
parentPort.on('message', () => undefined)
