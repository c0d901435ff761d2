import type { Multiaddr } from '@multiformats/multiaddr'

/** What this package uses of libp2p's parts: the addresses of all listeners, and libp2p's word on each. */
export interface AddressParts {
  readonly transportManager: { getAddrs(): Multiaddr[] }
  readonly addressManager: {
    confirmObservedAddr(
      address: Multiaddr,
      options: { readonly type: 'transport'; readonly ttl: number },
    ): void
  }
  readonly events: { addEventListener(type: 'transport:listening', listener: () => void): void }
}

/**
 * Addresses of this machine's interfaces on which the node listens. libp2p keeps those that the internet routes to for
 * itself until AutoNAT has confirmed them: a rented machine would tell nobody where it is, and its relay would give out slots
 * without an address. They are the node's own, so they are told; whether a firewall stands before them is another question.
 */
export class OwnAddresses {
  #parts: AddressParts | undefined

  /** For libp2p, which hands its parts to a service. */
  service(): (parts: AddressParts) => object {
    return (parts) => {
      this.#parts = parts
      parts.events.addEventListener('transport:listening', () => this.#confirm())
      return {}
    }
  }

  /** All addresses at which a node is reached, as libp2p reads them at its interfaces now. */
  of(node: { getMultiaddrs(): Multiaddr[] }): readonly string[] {
    this.#confirm()
    return node.getMultiaddrs().map(String)
  }

  #confirm(): void {
    if (this.#parts === undefined) return
    const { transportManager, addressManager } = this.#parts
    for (const address of transportManager.getAddrs())
      addressManager.confirmObservedAddr(address, { type: 'transport', ttl: Number.MAX_SAFE_INTEGER })
  }
}
