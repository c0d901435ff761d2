import type { Channel } from '@shoal/network'
import { stepCreditBytes } from '../route/limits.ts'
import type { Stage } from './stage.ts'

/**
 * The channels that other peers have opened to this node, and the credit of each. A peer begins with the credit of a
 * few messages; one that a session here names as coordinator, as the stage before, or as the peer that hands the
 * session over, gets the credit of a largest step.
 */
export class InboundChannels {
  readonly #channels = new Map<string, Set<Channel>>()

  /** @param stages sessions that are open here */
  add(channel: Channel, stages: readonly Stage[]): void {
    const peer = channel.remotePeer
    const ofPeer = this.#channels.get(peer) ?? new Set()
    this.#channels.set(peer, ofPeer)
    ofPeer.add(channel)
    channel.onClose(() => {
      ofPeer.delete(channel)
      if (ofPeer.size === 0 && this.#channels.get(peer) === ofPeer) this.#channels.delete(peer)
    })
    for (const stage of stages) if (stage.opened && sendersOf(stage).includes(peer)) widen(channel, stage)
  }

  /** A session was opened, or follows another route: its senders need room for rows. */
  admitSendersOf(stage: Stage): void {
    for (const peer of sendersOf(stage))
      for (const channel of this.#channels.get(peer) ?? []) widen(channel, stage)
  }
}

function sendersOf({ owner, session, restore }: Stage): readonly string[] {
  return [owner.peer, session.previous, ...(restore === null ? [] : [restore.peer])]
}

function widen(channel: Channel, { runner }: Stage): void {
  channel.widen(stepCreditBytes(runner.hiddenSize))
}
