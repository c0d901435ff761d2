import type { FrameTap, TappedFrame } from '@shoal/network'
import { decodeSession, protocols, type SessionMessage } from '@shoal/protocol'
import type { Trace } from './trace.ts'

/** Points of a step at which a stage can be killed. */
export const killPoints = ['before-answer', 'after-push', 'in-flight', 'in-prefill', 'in-replay'] as const
export type KillPoint = (typeof killPoints)[number]

/** How a broken stage corrupts its output: NaN values, truncated rows, an undecodable frame. */
export const corruptions = ['non-finite', 'mis-shaped', 'garbage'] as const
/** `wrong` gives finite numbers of the right shape, which only the tokens reveal: it tests the checkers. */
export type Corruption = (typeof corruptions)[number] | 'wrong'

interface Trap {
  readonly point: KillPoint
  /** Null for the first peer that comes to the point. */
  readonly victim: string | null
  /** @returns whether the trap has killed the peer */
  fire(peer: string): boolean
}

/** Taps every frame: for the trace, for kills at exact points, and to corrupt the frames of a broken peer. */
export interface FrameWatch extends FrameTap {
  /** @returns a function that disarms the trap */
  arm(trap: Trap): () => void
  /**
   * Corrupts the next rows that leave `peer`, or with `always` all of them.
   * @param done called when the first rows have been corrupted
   * @returns a function that ends the corruption
   */
  corrupt(peer: string, how: Corruption, done: () => void, always?: boolean): () => void
}

export function createFrameWatch(trace: Trace): FrameWatch {
  const traps = new Set<Trap>()
  const spoilt = new Map<string, { readonly how: Corruption; readonly always: boolean; done(): void }>()

  const spring = (moment: 'leaves' | 'arrived', frame: TappedFrame): void => {
    if (traps.size === 0 || frame.protocol !== protocols.session) return
    const message = messageIn(frame.bytes)
    if (message === null) return
    for (const trap of traps) {
      const peer = victimAt(trap.point, moment, frame, message)
      if (peer === null || (trap.victim !== null && trap.victim !== peer) || !trap.fire(peer)) continue
      traps.delete(trap)
    }
  }

  return {
    leaves(frame) {
      const { from, to, protocol } = frame
      trace.add(`${from} ${to} ${protocol}`, frame.bytes)
      spring('leaves', frame)
      const spoil = spoilt.get(from)
      if (spoil === undefined || protocol !== protocols.session) return frame.bytes
      const message = messageIn(frame.bytes)
      if ((message?.type !== 'step' && message?.type !== 'result') || message.rows === 0) return frame.bytes
      if (!spoil.always) spoilt.delete(from)
      spoil.done()
      trace.add(`${from} spoils a ${message.type}: ${spoil.how}`)
      return spoiled(frame.bytes, spoil.how)
    },
    arrived: (frame) => spring('arrived', frame),
    arm(trap) {
      traps.add(trap)
      return () => traps.delete(trap)
    },
    corrupt(peer, how, done, always = false) {
      spoilt.set(peer, { how, done, always })
      return () => spoilt.delete(peer)
    },
  }
}

/** The session message in a frame; null for an undecodable frame. */
function messageIn(bytes: Uint8Array): SessionMessage | null {
  try {
    return decodeSession(bytes).message
  } catch {
    return null
  }
}

/** Peer that dies if this frame, at this moment, is at the point; null otherwise. */
function victimAt(
  point: KillPoint,
  moment: 'leaves' | 'arrived',
  { from, to }: TappedFrame,
  message: SessionMessage,
): string | null {
  const output = message.type === 'step' || message.type === 'result'
  switch (point) {
    case 'before-answer':
      return moment === 'leaves' && output && message.position > 0 ? from : null
    case 'after-push':
      return moment === 'arrived' && output && message.position > 0 ? from : null
    case 'in-flight':
      return moment === 'leaves' && message.type === 'step' && message.rows === 1 ? to : null
    case 'in-prefill':
      return moment === 'arrived' && message.type === 'step' && message.rows > 1 && message.epoch === 0
        ? to
        : null
    case 'in-replay':
      return moment === 'arrived' && message.type === 'step' && message.position === 0 && message.epoch > 0
        ? to
        : null
  }
}

/** Corrupts a copy, since the sender keeps the original. */
function spoiled(bytes: Uint8Array, how: Corruption): Uint8Array {
  const copy = bytes.slice()
  if (how === 'garbage') return copy.fill(0xa5)
  // The last number of the payload becomes a quiet NaN (little-endian float32).
  if (how === 'non-finite') copy.set([0x00, 0x00, 0xc0, 0x7f], copy.byteLength - 4)
  if (how === 'wrong')
    for (let at = copy.byteLength - 1; at > copy.byteLength - 32; at -= 4) copy[at] = copy[at]! ^ 0x80
  return how === 'mis-shaped' ? copy.slice(0, copy.byteLength - 4) : copy
}
