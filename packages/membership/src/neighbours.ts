import { messageOf, ShoalError, type Clock, type Logger } from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import {
  decodeMembers,
  encodeMembers,
  protocols,
  type FrameParts,
  type MembersMessage,
} from '@shoal/protocol'
import type { Conduct } from './conduct.ts'
import { memberLimits } from './limits.ts'

/** Members channels to every connected peer. */
export interface Neighbours {
  has(peer: string): boolean
  ids(): readonly string[]
  send(peer: string, message: MembersMessage): void
  /** To all but those named. */
  flood(message: MembersMessage, except: readonly string[]): void
  /** Opens the channels that are ours to open and are not there. */
  maintain(): void
  /** Counts against a neighbour; at the limit its channel ends and it stays out for a while. */
  blame(peer: string, why: string): void
  isShutOut(peer: string): boolean
  close(): Promise<void>
}

export interface NeighbourDependencies {
  /** Who is blamed here, and who may be no neighbour for a while. */
  readonly conduct: Conduct
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  onReady(peer: string): void
  /** The last connection to it ended. */
  onGone(peer: string): void
  onShutOut(peer: string, why: string): void
  /** Whatever it throws counts against the neighbour. */
  onMessage(peer: string, message: MembersMessage): Promise<void>
}

interface Line {
  readonly channel: Channel
  waitingBytes: number
  /** Ends when the frames received so far have been read. */
  turn: Promise<void>
}

export function createNeighbours(
  dependencies: NeighbourDependencies,
  options: { readonly openMs: number },
): Neighbours {
  const { transport, clock, logger, conduct } = dependencies
  const lines = new Map<string, Line>()
  /** Of each peer's newest line, also after it has ended. */
  const reading = new Map<string, Line>()
  const opening = new Map<string, AbortController>()
  /** Speak another version, or belong to another swarm: not asked again on this connection. */
  const strangers = new Set<string>()
  let closed = false

  const blame = (peer: string, why: string): void => {
    const { points, shutOut } = conduct.blame(peer)
    logger.warn('neighbour-misbehaved', { peer, why, points })
    if (!shutOut) return
    lines.get(peer)?.channel.abort(new ShoalError('bad-request', `shut out: ${why}`))
    dependencies.onShutOut(peer, why)
  }

  const attach = (channel: Channel): void => {
    const peer = channel.remotePeer
    if (closed || conduct.isShutOut(peer)) {
      channel.onFrame(() => undefined)
      channel.abort(new ShoalError('no-capacity', closed ? 'membership has ended' : 'shut out'))
      return
    }
    const former = lines.get(peer)
    const line: Line = { channel, waitingBytes: 0, turn: Promise.resolve() }
    lines.set(peer, line)
    reading.set(peer, line)
    former?.channel.abort(new ShoalError('in-use', 'replaced by a newer channel'))
    channel.onFrame((frame) => {
      line.turn = line.turn.then(() => receive(line, frame))
      return line.turn
    })
    channel.onClose(() => {
      if (lines.get(peer) === line) lines.delete(peer)
    })
    dependencies.onReady(peer)
  }

  const receive = async (line: Line, frame: Uint8Array): Promise<void> => {
    // What came before the other side's end still counts.
    if (closed || conduct.isShutOut(line.channel.remotePeer)) return
    const peer = line.channel.remotePeer
    try {
      await dependencies.onMessage(peer, decodeMembers(frame))
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'wrong-manifest') {
        strangers.add(peer)
        line.channel.abort(error)
        return
      }
      // Not a refusal of ours: a library, or our own code, failed on these bytes. No peer's bytes may end the process.
      if (!(error instanceof ShoalError)) logger.error('members-frame-failed', { peer, error })
      blame(peer, messageOf(error))
    }
  }

  const open = async (peer: string): Promise<void> => {
    const controller = new AbortController()
    const timer = clock.after(options.openMs, () =>
      controller.abort(new ShoalError('deadline-passed', `${peer} did not open a members channel`)),
    )
    opening.set(peer, controller)
    try {
      attach(await transport.open(peer, protocols.members, { signal: controller.signal }))
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'wrong-version') strangers.add(peer)
      if (!closed) logger.debug('members-channel-failed', { peer, reason: messageOf(error) })
    } finally {
      timer.cancel()
      opening.delete(peer)
    }
  }

  /** Of two peers the one with the smaller id opens, so that there is one channel. */
  const openIfOurs = (peer: string): void => {
    if (closed || lines.has(peer) || opening.has(peer) || strangers.has(peer) || conduct.isShutOut(peer))
      return
    if (transport.peerId < peer) void open(peer)
  }

  const transmit = (peer: string, line: Line, parts: FrameParts): void => {
    const byteLength = parts.reduce((sum, part) => sum + part.length, 0)
    if (line.waitingBytes + byteLength > memberLimits.maxWaitingBytes) {
      line.channel.abort(new ShoalError('limit-exceeded', `${peer} does not read its membership channel`))
      return
    }
    line.waitingBytes += byteLength
    line.channel.send(...parts).then(
      () => (line.waitingBytes -= byteLength),
      (error: unknown) => logger.debug('members-send-failed', { peer, reason: messageOf(error) }),
    )
  }

  transport.handle(protocols.members, attach)
  transport.onConnect((peer) => {
    strangers.delete(peer)
    openIfOurs(peer)
  })
  transport.onDisconnect((peer) => {
    const last = reading.get(peer)
    reading.delete(peer)
    // A goodbye may have come just before the end: it must be read before the end counts as a loss.
    ;(last?.turn ?? Promise.resolve())
      .then(() => {
        if (!closed) dependencies.onGone(peer)
      })
      .catch((error: unknown) => logger.error('members-channel-failed', { peer, error }))
  })

  return {
    has: (peer) => lines.has(peer),
    ids: () => [...lines.keys()],
    send(peer, message) {
      const line = lines.get(peer)
      if (line !== undefined) transmit(peer, line, encodeMembers(message))
    },
    flood(message, except) {
      const parts = encodeMembers(message)
      for (const [peer, line] of lines) if (!except.includes(peer)) transmit(peer, line, parts)
    },
    maintain() {
      for (const peer of transport.connected()) openIfOurs(peer)
    },
    blame,
    isShutOut: (peer) => conduct.isShutOut(peer),
    async close() {
      closed = true
      for (const controller of opening.values())
        controller.abort(new ShoalError('cancelled', 'membership is closing'))
      await Promise.allSettled([...lines.values()].map(({ channel }) => channel.close()))
    },
  }
}
