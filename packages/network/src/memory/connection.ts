import type { Clock } from '@shoal/host'
import { CreditChannel } from '../channel/credit-channel.ts'
import { firstCredit } from '../channel/first-credit.ts'
import { createHeldFrames, type HeldFrames } from '../channel/held-frames.ts'
import type { Wire } from '../channel/wire.ts'
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
  /** Messages on their way, in both directions. */
  underWay(): number
}

/** A frame between two peers. */
export interface TappedFrame {
  readonly from: string
  readonly to: string
  readonly protocol: string
  readonly bytes: Uint8Array
}

/** Whoever listens at the wires. What it does there happens at that very moment, before the sender's or receiver's next turn. */
export interface FrameTap {
  /** A frame leaves. @returns what arrives in its place: the frame itself, or what a broken peer makes of it */
  leaves(frame: TappedFrame): Uint8Array
  /** A frame has been handed to the channel of its receiver. */
  arrived(frame: TappedFrame): void
}

export function createMemoryConnection(
  clock: Clock,
  peers: readonly [string, string],
  delayMs: (from: string, to: string, bytes: number) => number,
  tap?: FrameTap,
  heldAt: (peer: string) => HeldFrames = createHeldFrames,
): MemoryConnection {
  const pipes: readonly [Pipe, Pipe] = [createPipe(clock), createPipe(clock)]
  const channels = new Set<CreditChannel>()
  let dropped = false

  const post = (from: string, bytes: number, arrive: () => void): void => {
    if (dropped) return
    if (from === peers[0]) pipes[0].put(delayMs(peers[0], peers[1], bytes), arrive)
    else pipes[1].put(delayMs(peers[1], peers[0], bytes), arrive)
  }

  const endOf = (
    side: 'opener' | 'acceptor',
    from: string,
    to: string,
    protocol: string,
    other: () => CreditChannel,
  ): CreditChannel =>
    new CreditChannel(
      to,
      protocol,
      memoryWire(post, tap, { from, to, protocol }, other),
      firstCredit(protocol, side),
      heldAt(from),
      clock,
      rethrow,
    )

  return {
    peers,
    post,
    createChannel(opener, protocol) {
      const acceptor = opener === peers[0] ? peers[1] : peers[0]
      const near: CreditChannel = endOf('opener', opener, acceptor, protocol, () => far)
      const far: CreditChannel = endOf('acceptor', acceptor, opener, protocol, () => near)
      for (const channel of [near, far]) {
        channels.add(channel)
        channel.onClose(() => channels.delete(channel))
      }
      return [near, far]
    },
    underWay: () => pipes[0].size() + pipes[1].size(),
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

function memoryWire(
  post: MemoryConnection['post'],
  tap: FrameTap | undefined,
  route: Omit<TappedFrame, 'bytes'>,
  other: () => CreditChannel,
): Wire {
  const { from } = route
  return {
    pack: joinParts,
    write(packed) {
      const bytes = tap === undefined ? packed : tap.leaves({ ...route, bytes: packed })
      post(from, bytes.byteLength, () => {
        if (!other().admit(bytes.byteLength)) return
        other().frameArrived(bytes)
        tap?.arrived({ ...route, bytes })
      })
      return true
    },
    grant: (bytes) => post(from, 0, () => other().granted(bytes)),
    end() {
      post(from, 0, () => other().farewell())
      return Promise.resolve()
    },
    reset: (error) => post(from, 0, () => other().broke(error)),
  }
}

/** A listener that throws is a bug of ours; a simulation ends with it. */
function rethrow(error: unknown): never {
  throw error
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
