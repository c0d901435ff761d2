import { createServer } from 'node:net'
import { ShoalError, type Random } from '@shoal/host'

/** Below the ephemeral port range of every system, so that no outgoing connection takes one of these ports. */
const portMin = 20_000
const portMax = 32_000
const triesMax = 200

/** A free port of 127.0.0.1, for a process that will listen there soon, and again after a restart. */
export async function freePort(random: Random, taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = portMin + Math.floor(random.unit() * (portMax - portMin))
    if (!taken.has(port) && (await isFree(port))) return port
  }
  throw new ShoalError('in-use', `no port from ${portMin} to ${portMax} is free`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
