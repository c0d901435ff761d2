import { createJournal, type JournalStep, type OutputJournal } from '../route/journal.ts'
import { keptAlong } from '../route/replay-rules.ts'
import type { ForwardOptions, Route, RouteStage } from '../route/types.ts'
import type { WireFormat } from '@shoal/protocol'
import { createClassRecord, type ClassRecord } from './numeric-continuity.ts'
import type { OpenStage } from './opening/opening-stages.ts'

/** One version of a session's route. All of its stages have opened the session. */
export interface RouteVersion {
  readonly epoch: number
  readonly stages: readonly OpenStage[]
  /** The stage that left and whose blocks this version gives to others; null without a move. */
  readonly moved: RouteStage | null
  /** Whether this version was opened because a stage was lost. */
  readonly repaired: boolean
}

/** Result of an installation: what becomes of the former stages, and which rows the present ones keep. */
export interface Installed {
  /** Former stages that are in the new version as well. Their `link` is to be released: the new version has its own. */
  readonly kept: readonly OpenStage[]
  /** Former stages at which the session is to be closed. */
  readonly dropped: readonly OpenStage[]
  /** For each present stage, how many of its rows are valid. */
  readonly keptRows: readonly number[]
  /** Whether this counts as a failover: a stage was replaced other than by the version's move. */
  readonly replaced: boolean
}

/** Read-only view of the coordinator's journal. */
export type SentRows = Pick<OutputJournal, 'length' | 'steps' | 'views'>

export interface ActiveRouteOptions {
  readonly hiddenSize: number
  readonly tokenBudget: number
  /** How the session's hidden states travel. */
  readonly wire: WireFormat
}

/**
 * The route of one session: its version in use, every row sent along it, and how often it changed.
 *
 * `install` is the only way to change the stages and the epoch in use. Nothing here waits or sends.
 */
export class ActiveRoute {
  readonly hiddenSize: number
  readonly wire: WireFormat
  readonly #journal: OutputJournal
  readonly #classes: ClassRecord
  #stages: readonly OpenStage[] = []
  #route: Route = []
  #epoch = -1
  #issued = -1
  #paused = true
  #nextStep = 0
  /** Whether rows were forgotten of which the stages have not been told. */
  #unheard = false
  #failovers = 0
  #moves = 0

  constructor({ hiddenSize, tokenBudget, wire }: ActiveRouteOptions) {
    this.#journal = createJournal(hiddenSize, tokenBudget)
    this.#classes = createClassRecord(wire)
    this.hiddenSize = hiddenSize
    this.wire = wire
  }

  /** Empty until the first version is installed. */
  get route(): Route {
    return this.#route
  }

  get stages(): readonly OpenStage[] {
    return this.#stages
  }

  openStage(stage: RouteStage): OpenStage | undefined {
    return this.#stages.find((open) => open.stage === stage)
  }

  /** Whether no version is in use: one is being opened, and steps wait in the journal. */
  get paused(): boolean {
    return this.#paused
  }

  /** Epoch of the version in use; null while paused, when results are ignored. */
  get epoch(): number | null {
    return this.#paused ? null : this.#epoch
  }

  /** An epoch that no stage has been given before. Failed attempts use one up, too. */
  issueEpoch(): number {
    this.#issued += 1
    return this.#issued
  }

  /** Retires the epoch in use, since another version is to be opened. */
  pause(): void {
    this.#paused = true
  }

  /** Puts a version into use. @throws {RangeError} when its epoch was never issued, or is not newer than the last one in use */
  install({ epoch, stages, moved, repaired }: RouteVersion): Installed {
    if (epoch > this.#issued || epoch <= this.#epoch)
      throw new RangeError(`epoch ${epoch} after ${this.#epoch}, with ${this.#issued} issued`)
    const route = stages.map(({ stage }) => stage)
    const replaced = repaired || this.#route.some((stage) => stage !== moved && !route.includes(stage))
    if (moved !== null) this.#moves += 1
    if (replaced) this.#failovers += 1
    // Stages are compared by peer and first block, not by identity: a lost peer may be back with the same blocks, and
    // closing its old session would close the new one.
    const goesOn = ({ stage }: OpenStage): boolean =>
      route.some(({ peer, range }) => peer === stage.peer && range.start === stage.range.start)
    const [kept, dropped] = [this.#stages.filter(goesOn), this.#stages.filter((open) => !goesOn(open))]
    this.#route = route
    this.#stages = stages
    this.#epoch = epoch
    this.#paused = false
    this.#classes.add(stages)
    const progress = stages.map((stage) => stage.progress)
    return { kept, dropped, keptRows: keptAlong(this.#journal.steps, progress), replaced }
  }

  /** Rows that the coordinator has sent to the first stage, or that it sends once a version is in use. */
  get sent(): SentRows {
    return this.#journal
  }

  /** Appends the rows of a new step, copied. @param hidden float32 `[rows, hiddenSize]` */
  append(hidden: Float32Array, want: ForwardOptions['want']): JournalStep {
    this.#journal.append(this.#nextStep, hidden, want)
    this.#nextStep += 1
    this.#unheard = false
    return this.#journal.steps.at(-1)!
  }

  /** Whether a step that begins at `position` has to tell the stages to forget the rows from there on. */
  rewinds(position: number): boolean {
    return this.#unheard || position < this.#journal.length
  }

  /** Forgets the rows from `position` on, of which the stages are told by the caller. */
  rewind(position: number): void {
    this.#journal.truncate(position)
  }

  /** Forgets the rows from `position` on, of which the next step tells the stages. */
  forget(position: number): void {
    if (position >= this.#journal.length) return
    this.#journal.truncate(position)
    this.#unheard = true
  }

  /** Versions that replaced a lost stage. */
  get failovers(): number {
    return this.#failovers
  }

  /** Versions that replaced a stage that left. */
  get moves(): number {
    return this.#moves
  }

  get continuity(): ClassRecord['continuity'] {
    return this.#classes.continuity
  }

  get rowInvariant(): boolean {
    return this.#classes.rowInvariant
  }

  /** For each block, the numeric class that computed it last. */
  get classes(): ReadonlyMap<number, string> {
    return this.#classes.byBlock
  }
}
