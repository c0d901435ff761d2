import { every, messageOf, type Clock, type Logger, type Timer } from '@shoal/host'
import type { Transport } from '@shoal/network'
import { decodeSession, type CloseSession, type SessionMessage } from '@shoal/protocol'
import type { SessionTimes } from '../route/limits.ts'
import type { Outbox } from '../channels/outbox.ts'
import { createPeerChannels, type ChannelUse } from '../channels/peer-channels.ts'
import { RepeatedCloses } from '../channels/repeated-closes.ts'

/** Receives what the stages of one session send to its coordinator. */
export interface LinkListener {
  receive(peer: string, message: SessionMessage, payload: Uint8Array): void
  lost(peer: string, error: Error | undefined): void
}

/** The use of a channel to a stage by one session. */
export interface StageLink extends ChannelUse {
  /** Closes a session at the stage, also when this channel has ended and the peer is reached again later. */
  closeSession(close: Omit<CloseSession, 'type'>): void
}

/** A coordinator's channels to stages, shared by its sessions. Stages answer on them, so a coordinator need not be dialable. */
export interface CoordinatorLinks {
  /** Messages of `session` go to `listener` from now on, until `leave`. */
  join(session: string, listener: LinkListener): void
  leave(session: string): void
  connect(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<StageLink>
  close(): Promise<void>
}

/** Receives a receipt from the stage that is said to have signed it. */
export type ReceiptListener = (peer: string, receipt: Uint8Array) => void

export interface CoordinatorDependencies {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

export function createCoordinatorLinks(
  dependencies: CoordinatorDependencies,
  times: SessionTimes,
  onReceipt: ReceiptListener = () => undefined,
): CoordinatorLinks {
  const { clock, logger } = dependencies
  const listeners = new Map<string, LinkListener>()
  const keepAlive = createKeepAlive(clock, logger, times.keepAliveMs)
  const closes = new RepeatedCloses(clock, times)

  const channels = createPeerChannels(dependencies, {
    connectTimeoutMs: times.connectTimeoutMs,
    lingerMs: times.lingerMs,
    receive(peer, frame) {
      const { message, payload } = decodeSession(frame)
      if (message.type === 'receipt') {
        onReceipt(peer, message.receipt)
        return
      }
      if (
        message.type !== 'opened' &&
        message.type !== 'result' &&
        message.type !== 'failed' &&
        message.type !== 'leaving' &&
        message.type !== 'handed-over'
      ) {
        logger.warn('frame-refused', {
          peer,
          reason: `a coordinator takes no '${message.type}' message`,
        })
        return
      }
      // A session that was closed meanwhile has no listener; answers to it are dropped.
      listeners.get(message.session)?.receive(peer, message, payload)
    },
    lost(peer, error) {
      for (const listener of listeners.values()) listener.lost(peer, error)
    },
  })

  return {
    join: (session, listener) => void listeners.set(session, listener),
    leave: (session) => void listeners.delete(session),
    async connect(peer, addresses, signal) {
      const use = await channels.use(peer, addresses, signal)
      closes.repeat(use.outbox)
      const stop = keepAlive(use.outbox)
      let released = false
      return {
        outbox: use.outbox,
        closeSession: (close) => closes.close(use.outbox, { type: 'close', ...close }),
        release() {
          if (released) return
          released = true
          stop()
          use.release()
        },
      }
    },
    close: () => channels.close(),
  }
}

/**
 * Sends keep-alives over channels in use, so that stages renew the leases of the sessions.
 * @returns a function that starts the keep-alives of one use of a channel, and returns the function that ends them
 */
function createKeepAlive(clock: Clock, logger: Logger, intervalMs: number): (outbox: Outbox) => () => void {
  /** Channels in use, with the number of uses and the timer that sends. */
  const alive = new Map<Outbox, { users: number; timer: Timer }>()
  return (outbox) => {
    const entry = alive.get(outbox) ?? {
      users: 0,
      timer: every(
        clock,
        intervalMs,
        () => outbox.post({ type: 'keep-alive' }),
        (error) => logger.error('keep-alive-failed', { peer: outbox.peer, reason: messageOf(error) }),
      ),
    }
    entry.users += 1
    alive.set(outbox, entry)
    return () => {
      entry.users -= 1
      if (entry.users > 0) return
      entry.timer.cancel()
      alive.delete(outbox)
    }
  }
}

/**
 * Closes a session at one stage, or at all of its stages at that peer, and releases the channel.
 * @param start the stage's first block; null for all stages of the session at this peer
 * @param keep how many rows the stage may keep
 */
export function closeAtStage(link: StageLink, session: string, start: number | null, keep = 0): void {
  link.closeSession({ session, start, ...(keep > 0 && { keep }) })
  link.release()
}
