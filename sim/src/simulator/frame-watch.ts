import type { FrameTap, TappedFrame } from '@shoal/network'
import { decodeSession, protocols, type SessionMessage } from '@shoal/protocol'
import type { Trace } from './trace.ts'

/** Where in a step a stage dies. */
export const killPoints = ['before-answer', 'after-push', 'in-flight', 'in-prefill', 'in-replay'] as const
export type KillPoint = (typeof killPoints)[number]

/** What a broken stage makes of its hidden states: numbers that are none, rows cut short, bytes that are no message. */
export const corruptions = ['non-finite', 'mis-shaped', 'garbage'] as const
/** `wrong` are numbers that only the tokens betray: what checkers are checked with. */
export type Corruption = (typeof corruptions)[number] | 'wrong'

interface Trap {
  readonly point: KillPoint
  /** Null: whoever comes to that point. */
  readonly victim: string | null
  /** @returns whether it is sprung */
  fire(peer: string): boolean
}

/** Listens at all wires: for the trace, for the exact moments of kills, and to spoil what a broken peer sends. */
export interface FrameWatch extends FrameTap {
  /** @returns a function that disarms it */
  arm(trap: Trap): () => void
  /**
   * The next rows that leave `peer` are spoilt, or all of them.
   * @param done when the first have been @returns a function that ends it
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

/** Null for what a broken peer has made of one. */
function messageIn(bytes: Uint8Array): SessionMessage | null {
  try {
    return decodeSession(bytes).message
  } catch {
    return null
  }
}

/** Who dies when this frame is at this moment, if it is this point. */
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

/** A new array: the sender keeps its own. */
function spoiled(bytes: Uint8Array, how: Corruption): Uint8Array {
  const copy = bytes.slice()
  if (how === 'garbage') return copy.fill(0xa5)
  // The last number of the payload, in little-endian float32: a quiet NaN.
  if (how === 'non-finite') copy.set([0x00, 0x00, 0xc0, 0x7f], copy.byteLength - 4)
  if (how === 'wrong')
    for (let at = copy.byteLength - 1; at > copy.byteLength - 32; at -= 4) copy[at] = copy[at]! ^ 0x80
  return how === 'mis-shaped' ? copy.slice(0, copy.byteLength - 4) : copy
}
