import { sleep } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import {
  decodeBlob,
  decodeHello,
  encodeBlob,
  encodeHello,
  limits,
  protocols,
  protocolVersion,
} from '@shoal/protocol'
import { createRawPeer, type RawPeer } from '@shoal/sim/siege'

/** How a manifest drips: pieces that are shorter than they were asked to be, or whole ones that come slowly. */
export interface Drip {
  readonly pieceBytes: number
  readonly everyMs: number
}

export interface DrippingPeer extends RawPeer {
  /** Pieces that it was asked for. */
  pieces(): number
}

/** A peer that says that it has a swarm, and whose manifest never ends. It is reached at an address of this machine. */
export async function startDrippingPeer({ pieceBytes, everyMs }: Drip): Promise<DrippingPeer> {
  const peer = await createRawPeer({ listen: ['/ip4/127.0.0.1/tcp/0'] })
  let pieces = 0
  peer.transport.handle(protocols.hello, (channel) =>
    channel.onFrame(async (frame) => {
      decodeHello(frame)
      const told = { manifest: 'e'.repeat(64), profile: 'f32', model: 'demo' }
      await channel.send(
        ...encodeHello({ type: 'hello', version: protocolVersion, agent: 'test', role: 'node', ...told }),
      )
      await channel.close()
    }),
  )
  peer.transport.handle(protocols.blobs, (channel) =>
    channel.onFrame(async (frame) => {
      const { message } = decodeBlob(frame)
      if (message.type !== 'get') return
      pieces += 1
      const { request, offset, length } = message
      await sleep(systemClock, everyMs)
      const chunk = { type: 'chunk', request, offset, total: limits.maxManifestBytes } as const
      const sent = encodeBlob(chunk, new Uint8Array(Math.min(length, pieceBytes)))
      if (!channel.closed) await channel.send(...sent)
    }),
  )
  return { ...peer, pieces: () => pieces }
}
