import type { Clock } from '@shoal/host'
import { CreditChannel, type Wire } from '../credit-channel.ts'
import { createPipe, type Pipe } from './pipe.ts'

/** The ends of a connection, by peer id. */
export interface MemoryConnection {
  readonly peers: readonly [string, string]
  /** Sends an event to the other end of `from`; it is lost when the connection drops first. */
  post(from: string, bytes: number, arrive: () => void): void
  /** A channel's two ends; the first is `opener`'s. */
  createChannel(opener: string, protocol: string): readonly [CreditChannel, CreditChannel]
  stop(): void
  start(): void
  /** Breaks every channel at both ends. */
  drop(error: Error): void
}

export function createMemoryConnection(
  clock: Clock,
  peers: readonly [string, string],
  delayMs: (from: string, to: string, bytes: number) => number,
): MemoryConnection {
  const pipes: readonly [Pipe, Pipe] = [createPipe(clock), createPipe(clock)]
  const channels = new Set<CreditChannel>()
  let dropped = false

  const post = (from: string, bytes: number, arrive: () => void): void => {
    if (dropped) return
    if (from === peers[0]) pipes[0].put(delayMs(peers[0], peers[1], bytes), arrive)
    else pipes[1].put(delayMs(peers[1], peers[0], bytes), arrive)
  }

  const wireOf = (from: string, other: () => CreditChannel): Wire => ({
    pack: joinParts,
    write(packed) {
      post(from, packed.byteLength, () => {
        if (other().admit(packed.byteLength)) other().frameArrived(packed)
      })
      return true
    },
    grant: (bytes) => post(from, 0, () => other().granted(bytes)),
    end() {
      post(from, 0, () => other().farewell())
      return Promise.resolve()
    },
    reset: (error) => post(from, 0, () => other().broke(error)),
  })

  return {
    peers,
    post,
    createChannel(opener, protocol) {
      const acceptor = opener === peers[0] ? peers[1] : peers[0]
      const near: CreditChannel = new CreditChannel(acceptor, protocol, wireOf(opener, () => far), clock)
      const far: CreditChannel = new CreditChannel(opener, protocol, wireOf(acceptor, () => near), clock)
      for (const channel of [near, far]) {
        channels.add(channel)
        channel.onClose(() => channels.delete(channel))
      }
      return [near, far]
    },
    stop: () => pipes.forEach((pipe) => pipe.stop()),
    start: () => pipes.forEach((pipe) => pipe.start()),
    drop(error) {
      if (dropped) return
      dropped = true
      for (const pipe of pipes) pipe.clear()
      for (const channel of channels) channel.broke(error)
    },
  }
}

/** One buffer of its own, so that it begins at offset zero of its ArrayBuffer. */
function joinParts(parts: readonly Uint8Array[], length: number): Uint8Array {
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.byteLength
  }
  return joined
}
