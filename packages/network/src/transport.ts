import type { PeerStanding } from './admission/admission.ts'

/**
 * What the layers above know of the network. Two implementations, one conformance suite: `libp2p/` (TCP, noise, yamux)
 * and `memory/` (tests and the simulator; delay, loss of links and seeds are the caller's).
 */
export interface Transport {
  /** This peer's id: the string form of its public key. */
  readonly peerId: string
  /** Multiaddrs others can dial, each ending in `/p2p/<peerId>`. */
  addresses(): readonly string[]

  /**
   * From now on `addresses()` also names these multiaddrs, without a peer id, at which a router forwards connections to this
   * peer, and no others of this kind. Absent where there are no routers.
   */
  alsoAt?(addresses: readonly string[]): void

  /**
   * Connects. @returns the peer's authenticated id
   * @throws {ShoalError} `peer-vanished` when nobody answers, `bad-request` when the address is none
   */
  dial(address: string, options: { signal: AbortSignal }): Promise<string>

  /** Remembers where a peer may be reached, for a later `open`. */
  learn(peerId: string, addresses: readonly string[]): void

  /**
   * A new long-lived channel to a peer, over the connection that exists or by dialling what was learned.
   * Never open one per token.
   * @throws {ShoalError} `peer-vanished`; `wrong-version` when the peer does not speak `protocol` (names what it speaks)
   */
  open(peerId: string, protocol: string, options: { signal: AbortSignal }): Promise<Channel>

  /** Serves channels that others open. `onChannel` must attach its handlers before it returns. */
  handle(protocol: string, onChannel: (channel: Channel) => void): void

  /** How another thread may reach a connected peer with a socket of its own; null, or absent, where channels are streams. */
  direct?(peerId: string): DirectPlace | null

  /**
   * Which peers are no strangers: members of the swarm. They have places of their own among connections and frames.
   * Absent where nothing is shared.
   */
  prefer?(isKnown: (peerId: string) => boolean): void

  /**
   * What a peer may do here; null for one that was not admitted. Where it is absent everybody is a node: see `standingOf`.
   */
  standing?(peerId: string): PeerStanding | null

  /**
   * The network from which a peer has connected, as one name: a household's or a rented machine's addresses. Null for a
   * peer of this machine or without a connection; absent where networks are not known.
   */
  networkOf?(peerId: string): string | null

  /** What the last dial to each address of a peer has found. Absent where nothing is dialled. */
  tried?(peerId: string): readonly TriedAddress[]

  /** How a connected peer is reached; null without a connection. Absent where there is only one way. */
  path?(peerId: string): PeerPath | null

  /**
   * Asks a connected peer to relay connections to this one. `addresses()` then names the way through it, until the
   * connection to it ends. Absent where nobody relays.
   * @throws {ShoalError} `no-capacity` when it refuses
   */
  reserve?(relay: string): Promise<void>

  /**
   * Dials the addresses without a relay of a peer that is connected through one. Channels that are open stay where they
   * are; later ones take the direct connection. Absent where nobody relays.
   * @throws {ShoalError} `peer-vanished` when none of them leads to it
   */
  upgrade?(peerId: string, options: { signal: AbortSignal }): Promise<void>

  /**
   * Dials other addresses of a directly connected peer, and keeps a connection that is faster than the present one for later
   * channels. Absent where there is one way only.
   * @returns whether there is one
   * @throws {Error} the signal's reason
   */
  quicken?(peerId: string, options: { signal: AbortSignal }): Promise<boolean>

  /**
   * Whether anybody who speaks libp2p answers at an address of a connected peer, on a connection of its own that is given up
   * at once. Absent where addresses cannot be tried.
   * @throws {ShoalError} `bad-request` unless the address has the IP address from which the peer is connected
   */
  knock?(peerId: string, address: string, options: { signal: AbortSignal }): Promise<boolean>

  /**
   * Opens a connection through the routers of both peers to a peer that is connected through a relay. As with `upgrade`,
   * later channels take it. Absent where there are no routers.
   * @throws {ShoalError} why it did not open: `not-ready`, `no-capacity`, `deadline-passed`, `peer-vanished`, …
   */
  punch?(peerId: string, options: { signal: AbortSignal }): Promise<void>

  /** Peers with a live connection. */
  connected(): readonly string[]
  onConnect(listener: (peerId: string) => void): void
  /** The last connection to a peer is gone. */
  onDisconnect(listener: (peerId: string) => void): void

  /** One round trip in milliseconds. */
  ping(peerId: string, options: { signal: AbortSignal }): Promise<number>
  /** Drops every connection to a peer. */
  hangUp(peerId: string): Promise<void>

  /** Ed25519 signature by this peer's key, 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** Checks a signature against the key inside `peerId`; false for anything malformed. */
  verify(peerId: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>

  close(): Promise<void>
}

export interface PeerPath {
  /** Punched: direct, through the routers of both, neither of which lets others in. */
  readonly kind: 'direct' | 'punched' | 'relayed'
  /** The peer that relays; null where nobody does. */
  readonly relay: string | null
  /** Why a relayed peer could not be reached through the routers of both; absent when that was not tried. */
  readonly why?: string
}

export interface TriedAddress {
  readonly address: string
  /** `connected`, or in words why the dial did not lead to the peer. */
  readonly outcome: string
  readonly secondsAgo: number
}

export interface DirectPlace {
  /** The peer's IP address. */
  readonly address: string
  /** Where this peer listens, as an IP address that the other one reaches; null when it only dials. */
  readonly host: string | null
}

/**
 * A framed, ordered, reliable, credit-controlled message channel between two peers.
 *
 * Frames arrive whole. Back-pressure is by credits of the receiver (bytes not yet consumed), because libp2p's own has
 * four known defects (docs/network.md). A frame counts as consumed when the promise returned by the frame handler
 * settles (at once when it returns nothing).
 */
export interface Channel {
  readonly remotePeer: string
  readonly protocol: string
  /**
   * Sends one frame of at most `maxFrameBytes`. The parts are joined into one buffer (the only copy), so the caller may
   * reuse them once this returns.
   * Resolves when the frame has left for the operating system within the peer's credit; rejects when the channel ends first.
   * @throws {ShoalError} `limit-exceeded` for a frame that is too large, or when more wait than one credit's worth (await
   * what you send); `peer-vanished` when the channel has ended
   */
  send(...parts: readonly Uint8Array[]): Promise<void>
  /**
   * Sets the receiver; frames that came before are delivered then. The frame's bytes belong to the receiver,
   * with all of their ArrayBuffer: it may free them (`freeMemory`), also before it returns.
   * Frames are delivered in order, and do not wait for the promise of the one before. A receiver that throws or rejects
   * aborts the channel with its error.
   * A frame's first byte lies on an 8-byte boundary of its ArrayBuffer, so that float32 views need no copy.
   */
  onFrame(receive: (frame: Uint8Array) => void | Promise<void>): void
  /** Runs once, at once when it has ended already; `error` is absent after an orderly close by either side. */
  onClose(listener: (error?: Error) => void): void
  readonly closed: boolean
  /**
   * Lets the other side have so many bytes under way, once it has earned more than the protocol's first credit: a session,
   * or a place in a group. Never takes any back.
   */
  widen(creditBytes: number): void
  /** Orderly end: frames sent before arrive. */
  close(): Promise<void>
  /** Drops the channel at once; the other side sees an error. */
  abort(error: Error): void
}
