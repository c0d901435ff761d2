import { silentLogger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import { createLibp2pTransport, createPeerKey, type Channel, type Transport } from '@shoal/network'

/** A peer that opens channels by libp2p and sends any frames that its user wants. */
export interface RawPeer {
  readonly transport: Transport
  /** The first address at which it listens; empty when it only dials. */
  readonly address: string
  /** A channel to the peer at an address. */
  open(address: string, protocol: string): Promise<Channel>
  close(): Promise<void>
}

export interface RawPeerOptions {
  /** Multiaddrs; default: any free port of 127.0.0.1. */
  readonly listen?: readonly string[]
  /** Addresses that it says are its own. */
  readonly announce?: readonly string[]
  /** Ends its dials. Default: nothing does, so that the time limit of a test ends a wait without an answer. */
  readonly signal?: AbortSignal
}

/** @returns a peer with a new key */
export async function createRawPeer(options: RawPeerOptions = {}): Promise<RawPeer> {
  const { signal = new AbortController().signal, listen, announce } = options
  const transport = await createLibp2pTransport({
    privateKey: await createPeerKey(),
    clock: systemClock,
    logger: silentLogger,
    ...(listen !== undefined && { listen }),
    ...(announce !== undefined && { announce }),
  })
  return {
    transport,
    address: transport.addresses()[0] ?? '',
    async open(address, protocol) {
      return transport.open(await transport.dial(address, { signal }), protocol, { signal })
    },
    close: () => transport.close(),
  }
}

/** Reads a channel's frames in order of arrival. */
export function readFrames(channel: Channel): {
  next(): Promise<Uint8Array>
  readonly ended: Promise<Error | undefined>
} {
  const waiting: { resolve(frame: Uint8Array): void; reject(error: Error): void }[] = []
  const early: Uint8Array[] = []
  let over: Error | null = null
  const ended = new Promise<Error | undefined>((resolve) =>
    channel.onClose((error) => {
      over = error ?? new Error('the channel was closed')
      for (const waiter of waiting.splice(0)) waiter.reject(over)
      resolve(error)
    }),
  )
  channel.onFrame((frame) => {
    const first = waiting.shift()
    if (first === undefined) early.push(frame)
    else first.resolve(frame)
  })
  return {
    ended,
    next() {
      const frame = early.shift()
      if (frame !== undefined) return Promise.resolve(frame)
      if (over !== null) return Promise.reject(over)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
  }
}
