import type { Channel } from '../transport.ts'

/** Open channels, by the peer at their other end. A channel leaves by itself when it closes. */
export class ChannelsByPeer {
  readonly #open = new Map<string, Set<Channel>>()

  add(channel: Channel): void {
    const peer = channel.remotePeer
    const channels = this.#open.get(peer) ?? new Set()
    this.#open.set(peer, channels.add(channel))
    channel.onClose(() => {
      channels.delete(channel)
      if (channels.size === 0 && this.#open.get(peer) === channels) this.#open.delete(peer)
    })
  }

  count(peer: string): number {
    return this.#open.get(peer)?.size ?? 0
  }

  abort(peer: string, error: Error): void {
    for (const channel of this.#open.get(peer) ?? []) channel.abort(error)
  }

  abortAll(error: Error): void {
    for (const channels of this.#open.values()) for (const channel of channels) channel.abort(error)
  }
}
