import { ShoalError } from '@shoal/host'
import { limits } from '../limits.ts'

/** The account of one channel: what the other side has sent and nobody here has consumed. */
export interface HeldByChannel {
  /** Charges a frame before its memory is allocated. @returns why the frame is refused; null when it may come */
  take(bytes: number): ShoalError | null
  give(bytes: number): void
  /** The channel has ended. Frames that are still being handled stay charged until they are given back. */
  close(): void
}

/** The account of unconsumed frames of all channels of this peer, by sender: one process has one. */
export interface HeldFrames {
  /** @param abort ends the channel, when its sender holds most of what strangers hold and the pool is full */
  open(peer: string, abort: (error: Error) => void): HeldByChannel
  /** Which senders are no strangers: members with a record. Their frames are not in the strangers' pool. */
  prefer(isKnown: (peer: string) => boolean): void
  /** Bytes held, of one sender or of all. */
  bytes(peer?: string): number
}

interface Holder {
  bytes: number
  readonly aborts: Set<(error: Error) => void>
}

/**
 * Credit bounds what one channel holds; this account bounds what one peer holds over all its channels and connections,
 * and what all strangers hold together. When the strangers' pool is full, the stranger that holds most loses its channels,
 * so that one which floods shuts out nobody else.
 */
export function createHeldFrames(): HeldFrames {
  const holders = new Map<string, Holder>()
  let isKnown: (peer: string) => boolean = () => false
  let total = 0

  const change = (peer: string, holder: Holder, bytes: number): void => {
    holder.bytes += bytes
    total += bytes
    if (holder.bytes === 0 && holder.aborts.size === 0) holders.delete(peer)
  }

  const makeRoom = (): void => {
    // Members are few and use credit of their own, so nearly always the pool is far from full and nothing is counted.
    if (total <= limits.strangerFrameBytes) return
    const strangers = [...holders].filter(([peer]) => !isKnown(peer))
    const held = strangers.reduce((sum, [, { bytes }]) => sum + bytes, 0)
    if (held <= limits.strangerFrameBytes) return
    const [most] = strangers.sort(([, a], [, b]) => b.bytes - a.bytes)
    for (const abort of most?.[1].aborts ?? [])
      abort(new ShoalError('no-capacity', 'the frames of strangers fill their share of memory'))
  }

  return {
    open(peer, abort) {
      const holder = holders.get(peer) ?? { bytes: 0, aborts: new Set() }
      holders.set(peer, holder)
      holder.aborts.add(abort)
      return {
        take(bytes) {
          if (holder.bytes + bytes > limits.peerFrameBytes)
            return new ShoalError('limit-exceeded', `${peer} has too many frames here that wait`)
          holders.set(peer, holder)
          change(peer, holder, bytes)
          makeRoom()
          return null
        },
        give: (bytes) => change(peer, holder, -bytes),
        close() {
          holder.aborts.delete(abort)
          change(peer, holder, 0)
        },
      }
    },
    prefer(known) {
      isKnown = known
    },
    bytes: (peer) => (peer === undefined ? total : (holders.get(peer)?.bytes ?? 0)),
  }
}
