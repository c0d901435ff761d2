import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey, type Libp2pTransport } from '@shoal/network'

/** Ends after connecting, in which identify runs and libp2p measures the link once. */
const settlingMs = 5000
/** Bytes of IP and TCP with timestamps before the payload of a packet, and of the packet that acknowledges it. */
const packetBytes = 52 + 52

/** Bytes a second of both directions of a real libp2p connection on which nothing is sent. */
export interface IdleBytes {
  /** To and from the sockets: encryption and multiplexing included. */
  readonly socketBytesPerSecond: number
  /** With TCP/IP, when each write is a packet that is acknowledged. */
  readonly wireBytesPerSecond: number
}

/** @param durationMs longer than the interval of libp2p's connection monitor, two minutes, of which it counts one ping */
export async function idleConnection(durationMs: number): Promise<IdleBytes> {
  const counted = { bytes: 0, packets: 0 }
  const listener = await node()
  const target = new URL(`tcp://127.0.0.1:${/tcp\/(\d+)/.exec(listener.addresses()[0] ?? '')?.[1]}`)
  const sockets: Socket[] = []
  const proxy = createServer((inbound) => {
    const outbound = connect(Number(target.port), target.hostname)
    sockets.push(inbound, outbound)
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const)
      from
        .on('data', (bytes) => {
          counted.bytes += bytes.length
          counted.packets += 1
          to.write(bytes)
        })
        .on('error', () => to.destroy())
        .on('close', () => to.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  const dialler = await node([])
  try {
    await dialler.dial(`/ip4/127.0.0.1/tcp/${port}/p2p/${listener.peerId}`, {
      signal: AbortSignal.timeout(30_000),
    })
    await pause(settlingMs)
    const before = { ...counted }
    await pause(durationMs)
    const [bytes, packets] = [counted.bytes - before.bytes, counted.packets - before.packets]
    const seconds = durationMs / 1000
    return {
      socketBytesPerSecond: bytes / seconds,
      wireBytesPerSecond: (bytes + packets * packetBytes) / seconds,
    }
  } finally {
    await Promise.all([dialler.close(), listener.close()])
    for (const socket of sockets) socket.destroy()
    proxy.close()
  }
}

async function node(listen?: readonly string[]): Promise<Libp2pTransport> {
  return createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    ...(listen !== undefined && { listen }),
  })
}

const pause = (durationMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(durationMs, resolve))
