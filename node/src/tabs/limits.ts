/** Bounds of what browser tabs may ask of a node, each with its reason. */
export const tabLimits = {
  /** Tabs at once: each has a peer of its own in this process, with some 30 MB and connections to all neighbours. */
  tabsMax: 8,
  /** Peers that are started for tabs: as many as serve at once, … */
  startsAtOnce: 8,
  /** … and then one in so long. Each is a new member, whose record all others keep, and costs a second of processor time. */
  startEveryMs: 15_000,
  /** From the connection to the offer: the page fetches 14 MB and times a block, on a slow phone over Wi-Fi. */
  offerMs: 120_000,
  /**
   * Bytes of a frame: the rows of one call with as many positions as a session sends at once, or the KV cache of a session
   * that moves to another peer.
   */
  frameBytesMax: 64 * 1024 * 1024,
  /** Bytes of a frame's JSON. A call has some 200; the manifest of a large model goes the other way. */
  headBytesMax: 64 * 1024,
  /** Memory that a tab may offer. A WebAssembly module has 4 GiB, and its KV caches lie beside it. */
  memoryBytesMax: 3 * 2 ** 30,
  memoryBytesMin: 16 * 2 ** 20,
  /** Threads of a tab. */
  threadsMax: 64,
  /** A block that takes longer than a minute is of no use. */
  blockMicrosMax: 60_000_000,
  /** How often a page is told what its peer does. */
  newsMs: 1000,
  /** What a page has been told last goes out within this time. */
  lastWordMs: 100,
  /** Time for the sessions of a tab that is stopped by its button to move on. */
  drainMs: 15_000,
} as const
