import type { SessionMessage } from '@shoal/protocol'

/** Where a process can be told to kill itself. */
export const killPoints = ['prefill', 'decode', 'in-flight', 'after-push', 'replay'] as const
export type KillPoint = (typeof killPoints)[number]

/** What happens to a frame of rows at a stage. */
export type Moment = 'received' | 'sending' | 'sent'

/** In prefill, in decode and in replay differ by position and epoch, so one order says all of it. */
export const momentOf: Readonly<Record<KillPoint, Moment>> = {
  /** The chunk has been computed, nobody has seen it. */
  prefill: 'sending',
  /** The same of one row: before the answer. */
  decode: 'sending',
  /** The row has come and is not computed. */
  'in-flight': 'received',
  /** The row has left; whoever sent its input has not heard of it. */
  'after-push': 'sent',
  /** A chunk of a journal has come, others have been computed. */
  replay: 'received',
}

export interface KillOrder {
  readonly moment: Moment
  /** Only frames of this version of a route, or a later one: above 0 it has been repaired. */
  readonly fromEpoch: number
  /** Only frames from this position on. */
  readonly fromPosition: number
  /**
   * A file that whoever dies of this order makes first, and that nobody else can make then: the order may be given to
   * every process that could come to it, and one of them dies.
   */
  readonly claim: string
}

/** Whether a process with this order dies now. Pure. */
export function isDue(order: KillOrder, moment: Moment, message: SessionMessage): boolean {
  if (message.type !== 'step' && message.type !== 'result') return false
  return moment === order.moment && message.epoch >= order.fromEpoch && message.position >= order.fromPosition
}
