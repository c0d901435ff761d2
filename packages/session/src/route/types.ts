import type { BlockRange } from '@shoal/model'

/** One step of a route: a peer that holds `range` now. */
export interface RouteStage {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly range: BlockRange
  /** Of the record the route was made from: an answer with another incarnation is refused. */
  readonly incarnation: number
  /** Predicted time for one call of so many rows on this stage, the hop to it included; for step deadlines. */
  predictedStepMs(rows: number): number
}

/** Ordered stages covering `[0, blockCount)` without gap or overlap. */
export type Route = readonly RouteStage[]

/** What a repair wants of the stages it asks for. */
export interface RouteWish {
  /** Peers that were lost, with the incarnation they had then: only a later life of theirs is of use. */
  readonly lost: ReadonlyMap<string, number>
  /** Numeric class that each block has been computed in: peers of another class change bits, so they come last. */
  readonly classes: ReadonlyMap<number, string>
}

/** Handed in by the swarm: session does not know the planner. */
export interface RouteFinder {
  /**
   * Stages covering exactly `range` over spans that live peers hold now.
   * @param exclude not these peers, in any incarnation
   * @throws {ShoalError} `no-route`, naming the blocks nobody holds
   */
  find(range: BlockRange, exclude: ReadonlySet<string>, wish: RouteWish): Promise<Route>
}

export interface ForwardOptions {
  /** Rows of the last block's output wanted back. `none` returns an empty array. */
  readonly want: 'none' | 'last' | 'all'
  /** Forgets positions from here on before it appends (a rejected draft); the present length when absent. No other call may be under way. */
  readonly position?: number
  readonly signal?: AbortSignal
}

/** All blocks of a model for one generation: over a route of peers, or in this process. */
export interface HiddenSession {
  /** Positions so far. */
  readonly length: number
  /**
   * Appends rows. Several calls may be under way: they are computed in order, overlapping over stages.
   * @param hidden float32 `[rows, hiddenSize]` @returns float32 `[wanted rows, hiddenSize]`
   */
  forward(hidden: Float32Array, options: ForwardOptions): Promise<Float32Array>
  /** Who computed: for the result's `route`. */
  route(): readonly {
    readonly peer: string
    readonly start: number
    readonly end: number
    readonly ranks: number
  }[]
  /** Stages that were lost and replaced. */
  readonly failovers: number
  /** Stages that left and handed over what they had, or were replaced because they asked for it. */
  readonly moves: number
  readonly continuity: 'identical' | 'continued'
  close(): Promise<void>
}
