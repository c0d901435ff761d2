/** How a link behaves, the same both ways. Plain values: they travel to the thread that makes it so. */
export interface LinkShape {
  readonly rttMs: number
  /** Each way; null for as fast as this machine. */
  readonly mbps: number | null
  /** Of packets, each way; a lost one is sent again (the stream stays whole and comes late). */
  readonly lossPercent: number
}

/** What one device's own access allows, all its links together; null for no limit. */
export interface AccessShape {
  readonly upMbps: number | null
  readonly downMbps: number | null
}

/** One process of a shaped swarm. */
export interface NodeShape extends AccessShape {
  readonly name: string
  /** For weights and KV caches; just its share of the model when absent. */
  readonly memoryBytes: number | null
  readonly threads: number | null
  /** How many times slower it computes than this machine. */
  readonly slowdown: number
  /** Exactly these blocks, for itself or for the group it leads; null for what the plan says. */
  readonly blocks: readonly [number, number] | null
  /** The node whose blocks it computes a share of; null for a node that serves blocks. */
  readonly rankOf: string | null
  /** Its part of a group's work in proportion to the others'; null for 1. */
  readonly speed: number | null
}

/** Everybody else: `shoal generate`, `chat` and `status` from another terminal. */
export const outsider = 'outside'

/** A swarm's processes and what lies between them. */
export interface Shape {
  readonly name: string
  readonly nodes: readonly NodeShape[]
  /** Between any two nodes, or one and `outsider`. */
  link(a: string, b: string): LinkShape
}

export const unshapedLink: LinkShape = { rttMs: 0, mbps: null, lossPercent: 0 }
