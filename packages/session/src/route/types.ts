import type { BlockRange } from '@shoal/model'

/** One stage of a route: a peer, or the leader of a group, that holds the blocks of `range` now. */
export interface RouteStage {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly range: BlockRange
  /** Incarnation in the record that the route was made from. An answer of another incarnation counts as a refusal. */
  readonly incarnation: number
  /** Predicted milliseconds for a step of so many rows at this stage, the hop to it included. Step deadlines follow from it. */
  predictedStepMs(rows: number): number
}

/**
 * Stages in the order of their blocks. A session's route covers its range without gap or overlap; parts of routes have
 * this type, too.
 */
export type Route = readonly RouteStage[]

/** Constraints and preferences for the stages that a repair or a move asks for. */
export interface RouteWish {
  /** Lost peers with the incarnation that was lost. Only a higher incarnation of such a peer may be returned. */
  readonly lost: ReadonlyMap<string, number>
  /**
   * For each block, the numeric class that computed it last. A peer of another class would compute other bits, so it is
   * only a last resort.
   */
  readonly classes: ReadonlyMap<number, string>
}

/** Finds stages for a session. The swarm implements it, since this package does not know the planner. */
export interface RouteFinder {
  /**
   * Stages covering exactly `range` over spans that live peers hold now.
   * @param exclude peers that must not be returned, in any incarnation
   * @throws {ShoalError} `no-route`, naming the blocks nobody holds
   */
  find(range: BlockRange, exclude: ReadonlySet<string>, wish: RouteWish): Promise<Route>
}

export interface ForwardOptions {
  /** Which rows of the last block's output are returned. `none` returns an empty array. */
  readonly want: 'none' | 'last' | 'all'
  /**
   * First position of the appended rows; the present length when absent. A lower one first forgets the positions from
   * there on, as for a rejected draft. Calls under way that begin there or later are discarded and reject with `cancelled`;
   * it is refused while a call under way has rows on both sides of it.
   */
  readonly position?: number
  readonly signal?: AbortSignal
}

/** One generation's pass through all blocks of a model, along a route of peers or in this process. */
export interface HiddenSession {
  /** Number of positions, those under way included. */
  readonly length: number
  /**
   * Appends rows. Several calls may be under way. They are computed in order, and stages compute different calls at the same time.
   * @param hidden float32 `[rows, hiddenSize]` @returns float32 `[wanted rows, hiddenSize]`
   */
  forward(hidden: Float32Array, options: ForwardOptions): Promise<Float32Array>
  /** The stages in use, for the `route` of a result. */
  route(): readonly {
    readonly peer: string
    readonly start: number
    readonly end: number
    readonly ranks: number
  }[]
  /** Predicted time of each stage for one row that is alone, in milliseconds; absent where nothing is drafted. */
  stageTimesMs?(): readonly number[]
  /** How often the route was repaired because stages were lost. */
  readonly failovers: number
  /** How many stages left and were replaced, with or without a hand-over of their caches. */
  readonly moves: number
  /** `continued` when a replacement computed in another numeric class, so that later bits may differ; `identical` otherwise. */
  readonly continuity: 'identical' | 'continued'
  /** Whether the bits of a row do not depend on how rows are grouped into calls, at all stages; true when absent. */
  readonly rowInvariant?: boolean
  /**
   * Forgets the positions from `length` on: those of drafts that were not drawn. Nothing is sent. The next step rewinds the
   * stages, and a session that is closed keeps and signs the positions before `length` only. Absent where nothing is
   * drafted.
   */
  forget?(length: number): void
  /** Whether a stage was lost and the route is being repaired, so that no call is answered meanwhile; false when absent. */
  readonly repairing?: boolean
  /** The rows from position `from` on (0 when absent) that went into the first block, copied: float32 `[length - from, hiddenSize]`. */
  sent?(from?: number): Float32Array
  close(): Promise<void>
}

/** A session along a route of peers. */
export interface RouteSession extends HiddenSession {
  /** An audit sends these rows elsewhere. */
  sent(from?: number): Float32Array
  /** How many of the first positions every stage has for certain: a later session may begin with them. */
  readonly certain: number
  /** Positions that the stages had from an earlier session when this one was opened. */
  readonly reused: number
}
