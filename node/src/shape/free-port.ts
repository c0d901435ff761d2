import { createServer } from 'node:net'
import { ShoalError, type Random } from '@shoal/host'

/** Below the range from which every system takes ports for outgoing connections: nobody gets one of these by chance. */
const portMin = 20_000
const portMax = 32_000
const triesMax = 200

/** A port of 127.0.0.1 on which nobody listens: for a process that will listen there in a moment, and again after a restart. */
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
