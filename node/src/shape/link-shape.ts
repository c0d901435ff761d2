/** Properties of a link, equal in both directions. Plain values, since they are posted to a worker thread. */
export interface LinkShape {
  readonly rttMs: number
  /** Rate in each direction; null for no limit. */
  readonly mbps: number | null
  /** Lost packets in each direction. A lost packet is sent again: the stream stays complete and arrives later. */
  readonly lossPercent: number
}

/** Rates of a device's network access, shared by all its links; null for no limit. */
export interface AccessShape {
  readonly upMbps: number | null
  readonly downMbps: number | null
}

/** One process of a shaped swarm. */
export interface NodeShape extends AccessShape {
  readonly name: string
  /** Memory for weights and KV caches; when null, just enough for its share of the model. */
  readonly memoryBytes: number | null
  readonly threads: number | null
  /** How many times slower it computes than this machine. */
  readonly slowdown: number
  /** Fixed blocks of the node or of the group that it leads; null when the plan decides. */
  readonly blocks: readonly [number, number] | null
  /** The node whose blocks it computes a share of; null for a node that serves blocks. */
  readonly rankOf: string | null
  /** Share of a group's work in proportion to the other members'; null for 1. */
  readonly speed: number | null
}

/** Name for all processes outside the swarm, such as `shoal generate` in another terminal. */
export const outsider = 'outside'

/** A swarm's processes and the links between them. */
export interface Shape {
  readonly name: string
  readonly nodes: readonly NodeShape[]
  /** The link between two nodes, or between a node and `outsider`. */
  link(a: string, b: string): LinkShape
}

export const unshapedLink: LinkShape = { rttMs: 0, mbps: null, lossPercent: 0 }
