import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Clock, Random } from '@shoal/host'
import { createDelayLine, type DelayLine } from './delay-line.ts'
import type { LinkShape } from './link-shape.ts'
import { lossDelayMs, type Wire } from './wire.ts'

/** What each direction of a link passes; shared by all its connections, whoever opened them. */
export interface LinkWires {
  readonly forward: readonly Wire[]
  readonly back: readonly Wire[]
}

export interface LinkProxy {
  readonly port: number
  close(): Promise<void>
}

export interface LinkProxyOptions {
  /** On 127.0.0.1. */
  readonly targetPort: number
  readonly shape: LinkShape
  readonly wires: LinkWires
}

/** A window that no common link fills: 1 Gbit/s over 30 ms. */
const bytesMaxUnlimited = 4 * 1024 * 1024
/** What a small router holds. */
const bufferBytes = 64 * 1024

/**
 * A link as a TCP relay on 127.0.0.1: whoever connects here reaches the target later and slower. Bytes wait in the relay
 * for at most one window and a small buffer; beyond that the sender waits, as on a real link.
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
    // What is dialled answers after one round trip; only then could the first byte have left.
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
  // A killed process, or nobody listens there.
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
