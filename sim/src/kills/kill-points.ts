import type { SessionMessage } from '@shoal/protocol'

/** Points at which a process can be ordered to kill itself. */
export const killPoints = ['prefill', 'decode', 'in-flight', 'after-push', 'replay'] as const
export type KillPoint = (typeof killPoints)[number]

/** Moments of a frame of rows at a stage. */
export type Moment = 'received' | 'sending' | 'sent'

/** Moment of each point. Prefill, decode and replay differ in position and epoch, which the order gives. */
export const momentOf: Readonly<Record<KillPoint, Moment>> = {
  /** The chunk has been computed, and its output has not left. */
  prefill: 'sending',
  /** One row has been computed, and its output has not left. */
  decode: 'sending',
  /** The row has arrived and is not computed yet. */
  'in-flight': 'received',
  /** The output has left, and the sender of the input does not know yet. */
  'after-push': 'sent',
  /** A chunk of a replayed journal has arrived; earlier chunks have been computed. */
  replay: 'received',
}

export interface KillOrder {
  readonly moment: Moment
  /** Least epoch of the frame's route; above 0 the route has been repaired. */
  readonly fromEpoch: number
  /** Least position of the frame. */
  readonly fromPosition: number
  /**
   * Path of a file that a process creates exclusively before it dies of this order. The order can be given to several
   * processes, and exactly one of them dies.
   */
  readonly claim: string
}

/** Whether a process with this order dies at this moment. */
export function isDue(order: KillOrder, moment: Moment, message: SessionMessage): boolean {
  if (message.type !== 'step' && message.type !== 'result') return false
  return moment === order.moment && message.epoch >= order.fromEpoch && message.position >= order.fromPosition
}
