import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Clock, Random } from '@shoal/host'
import { createDelayLine, type DelayLine } from './delay-line.ts'
import type { LinkShape } from './link-shape.ts'
import { lossDelayMs, type Wire } from './wire.ts'

/** Wires of each direction of a link, shared by all its connections. */
export interface LinkWires {
  readonly forward: readonly Wire[]
  readonly back: readonly Wire[]
}

export interface LinkProxy {
  readonly port: number
  close(): Promise<void>
}

export interface LinkProxyOptions {
  /** Port of 127.0.0.1. */
  readonly targetPort: number
  readonly shape: LinkShape
  readonly wires: LinkWires
}

/** Window of a link without a rate limit: the bandwidth-delay product of 1 Gbit/s and 30 ms. */
const bytesMaxUnlimited = 4 * 1024 * 1024
/** Buffer of a small router. */
const bufferBytes = 64 * 1024

/**
 * A link as a TCP relay on 127.0.0.1: connections reach the target with delay and at a limited rate. The relay holds at
 * most one window and a small buffer; beyond that the sender feels back-pressure, as on a real link.
 */
export async function startLinkProxy(
  clock: Clock,
  random: Random,
  options: LinkProxyOptions,
): Promise<LinkProxy> {
  const { shape, wires, targetPort } = options
  const sockets = new Set<Socket>()
  const bytesMax = bytesMaxOf(shape)

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const line = (from: Socket, to: Socket, through: readonly Wire[], notBeforeMs: number): DelayLine =>
      createDelayLine(clock, from, sinkOf(to), {
        delayMs: shape.rttMs / 2,
        wires: through,
        lossMs: (bytes) => lossDelayMs(bytes, shape.rttMs, shape.lossPercent, () => random.unit()),
        bytesMax,
        notBeforeMs,
      })
    // The handshake takes one round trip; only then can the first byte leave, and it needs half a round trip more.
    const there = line(near, far, wires.forward, clock.nowMs() + shape.rttMs * 1.5)
    const back = line(far, near, wires.back, 0)
    pass(near, there)
    pass(far, back)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}

function bytesMaxOf({ rttMs, mbps }: LinkShape): number {
  return mbps === null ? bytesMaxUnlimited : bufferBytes + Math.ceil(mbps * 125 * rttMs)
}

function pass(from: Socket, line: DelayLine): void {
  from.on('data', (chunk: Buffer) => line.push(chunk))
  from.once('end', () => line.end('end'))
  // The process was killed, or nothing listens on the port.
  from.on('error', () => line.end('reset'))
  from.once('close', () => line.end('end'))
}

function sinkOf(to: Socket): Parameters<typeof createDelayLine>[2] {
  return {
    write: (chunk) => !to.writable || to.write(chunk),
    onDrain: (listener) => void to.on('drain', listener),
    end: () => void to.end(),
    reset: () => void to.resetAndDestroy(),
  }
}
