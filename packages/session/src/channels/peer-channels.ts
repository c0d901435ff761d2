import {
  messageOf,
  ShoalError,
  type Clock,
  type Logger,
  type Timer,
  orAborted,
  throwIfAborted,
} from '@shoal/host'
import type { Channel, Transport } from '@shoal/network'
import { protocols } from '@shoal/protocol'
import { sessionLimits } from '../route/limits.ts'
import { createOutbox, type Outbox } from './outbox.ts'

/** The use of a channel by one session. */
export interface ChannelUse {
  readonly outbox: Outbox
  release(): void
}

export interface PeerChannels {
  /**
   * The channel to a peer: the open one, or a new one.
   * @throws {ShoalError} `peer-vanished`, `wrong-version`, `deadline-passed`, `limit-exceeded`, or the signal's reason
   */
  use(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<ChannelUse>
  /** Open channels. */
  readonly size: number
  close(): Promise<void>
}

export interface PeerChannelsOptions {
  readonly connectTimeoutMs: number
  /** How long a channel stays open after its last user, for the next session. */
  readonly lingerMs: number
  receive(peer: string, frame: Uint8Array): void | Promise<void>
  /** A channel that sessions use has ended, and not by `close` here. */
  lost(peer: string, error: Error | undefined): void
}

interface ChannelDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

interface Entry {
  readonly opening: Promise<Channel>
  channel: Channel | null
  outbox: Outbox | null
  users: number
  idle: Timer | null
}

/**
 * One long-lived outgoing session channel for each peer, shared by all sessions: opening one per session would cost a
 * round trip before the first token, and a stream is never opened per token.
 */
export function createPeerChannels(
  dependencies: ChannelDependencies,
  options: PeerChannelsOptions,
): PeerChannels {
  const { transport, clock } = dependencies
  const entries = new Map<string, Entry>()
  const closing = new AbortController()

  const open = (peer: string, addresses: readonly string[]): Entry => {
    checkCount(entries.size, peer)
    // A peer that names a next hop must not be able to replace the addresses of one that is connected.
    if (addresses.length > 0 && !transport.connected().includes(peer)) transport.learn(peer, addresses)
    const entry: Entry = {
      opening: openWithin(peer, dependencies, options.connectTimeoutMs, closing.signal),
      channel: null,
      outbox: null,
      users: 0,
      idle: null,
    }
    entries.set(peer, entry)
    entry.opening.then(
      (channel) => {
        entry.channel = channel
        entry.outbox = createOutbox(channel, dependencies.logger)
        channel.onFrame((frame) => options.receive(peer, frame))
        channel.onClose((error) => {
          if (entries.get(peer) === entry) entries.delete(peer)
          entry.idle?.cancel()
          if (!closing.signal.aborted && entry.users > 0) options.lost(peer, error)
        })
        linger(entry, clock, options.lingerMs)
      },
      () => {
        if (entries.get(peer) === entry) entries.delete(peer)
      },
    )
    return entry
  }

  return {
    get size() {
      return entries.size
    },
    async use(peer, addresses, signal) {
      throwIfAborted(signal)
      const entry = entries.get(peer) ?? open(peer, addresses)
      entry.idle?.cancel()
      entry.users += 1
      let released = false
      const release = (): void => {
        if (released) return
        released = true
        entry.users -= 1
        linger(entry, clock, options.lingerMs)
      }
      try {
        const channel = await orAborted(entry.opening, signal)
        if (channel.closed) throw new ShoalError('peer-vanished', `the session channel to ${peer} has ended`)
        return { outbox: entry.outbox!, release }
      } catch (error) {
        release()
        throw error
      }
    },
    async close() {
      closing.abort(new ShoalError('cancelled', 'this peer is closing'))
      await closeAll(entries)
    },
  }
}

function checkCount(channels: number, peer: string): void {
  if (channels < sessionLimits.maxChannels) return
  throw new ShoalError(
    'limit-exceeded',
    `channels to ${sessionLimits.maxChannels} peers are open, which is the limit, so none is opened to ${peer}`,
  )
}

async function closeAll(entries: Map<string, Entry>): Promise<void> {
  const open = [...entries.values()]
  entries.clear()
  for (const { idle, channel } of open) {
    idle?.cancel()
    await closeQuietly(channel)
  }
}

/** Not bound to the first user's signal, since a second session may be waiting for the same channel. */
async function openWithin(
  peer: string,
  { transport, clock }: ChannelDependencies,
  timeoutMs: number,
  closing: AbortSignal,
): Promise<Channel> {
  const timeout = new AbortController()
  const timer = clock.after(timeoutMs, () =>
    timeout.abort(new ShoalError('deadline-passed', `no session channel to ${peer} within ${timeoutMs} ms`)),
  )
  try {
    const signal = AbortSignal.any([timeout.signal, closing])
    return await orAborted(transport.open(peer, protocols.session, { signal }), signal)
  } finally {
    timer.cancel()
  }
}

/** Closes an open channel that no session uses after `lingerMs`, unless a session uses it before. */
function linger(entry: Entry, clock: Clock, lingerMs: number): void {
  if (entry.users > 0 || entry.channel === null || entry.channel.closed) return
  entry.idle?.cancel()
  const closeIfIdle = (): void => {
    if (entry.users === 0) void closeQuietly(entry.channel)
  }
  entry.idle = clock.after(lingerMs, closeIfIdle, { background: true })
}

/** Closes a channel. A channel that cannot be closed in order is aborted. */
async function closeQuietly(channel: Channel | null): Promise<void> {
  if (channel === null || channel.closed) return
  try {
    await channel.close()
  } catch (error) {
    channel.abort(new Error(messageOf(error)))
  }
}
