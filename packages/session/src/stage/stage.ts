import { ShoalError } from '@shoal/host'
import type { SessionPrefix, WireFormat } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import type { Outbox } from '../channels/outbox.ts'
import type { ChannelUse } from '../channels/peer-channels.ts'
import type { StageRestore } from './hand-over/stage-restore.ts'
import type { StageHandOver } from './hand-over/stage-hand-over.ts'
import type { Failure, SessionOutput } from './steps/session-output.ts'
import type { StageSession } from './steps/stage-session.ts'

/** A coordinator with sessions at this node. */
export class Owner {
  readonly peer: string
  /** The account against whose share of this node its sessions count. */
  readonly account: string
  readonly #stages = new Set<Stage>()
  #outbox: Outbox

  constructor(outbox: Outbox, account: string) {
    this.peer = outbox.peer
    this.account = account
    this.#outbox = outbox
  }

  /** The channel that the coordinator used last: results and failures are sent on it. */
  get outbox(): Outbox {
    return this.#outbox
  }

  get stages(): ReadonlySet<Stage> {
    return this.#stages
  }

  /** Notes that the coordinator has used this channel. */
  heardOn(outbox: Outbox): void {
    this.#outbox = outbox
  }

  join(stage: Stage): void {
    this.#stages.add(stage)
  }

  leave(stage: Stage): void {
    this.#stages.delete(stage)
  }
}

export interface StageParts {
  readonly id: string
  readonly start: number
  readonly end: number
  readonly owner: Owner
  readonly runner: BlockRunner
  /** How rows come and leave. */
  readonly wire: WireFormat
  readonly session: StageSession
  readonly output: SessionOutput
  readonly restore: StageRestore | null
  /** Whether its coordinator opens the route in order, and may wait at another stage while this one has its room. */
  readonly inOrder: boolean
}

/**
 * A session at one span of this node. A node may hold two spans of one route, so the first block is part of the key.
 *
 * It waits for room, has memory reserved, is open, and is freed at any time. Its methods are the only way to change that,
 * the channel to the next stage, and the hand-over.
 */
export class Stage {
  readonly id: string
  readonly start: number
  readonly end: number
  readonly owner: Owner
  readonly runner: BlockRunner
  readonly wire: WireFormat
  readonly session: StageSession
  readonly #output: SessionOutput
  /** Receives the session's KV cache from another stage; null when this stage computes all of it. */
  readonly restore: StageRestore | null
  readonly #inOrder: boolean
  readonly #freed = new AbortController()
  #reserved = false
  #opened = false
  #began: SessionPrefix | null = null
  #handOver: StageHandOver | null = null

  constructor({ id, start, end, owner, runner, wire, session, output, restore, inOrder }: StageParts) {
    this.id = id
    this.start = start
    this.end = end
    this.owner = owner
    this.runner = runner
    this.wire = wire
    this.session = session
    this.#output = output
    this.restore = restore
    this.#inOrder = inOrder
  }

  /** Whether nothing has been computed for the session, which may still wait for room at another stage. */
  get mayWaitElsewhere(): boolean {
    return this.#inOrder && this.session.computedSteps === 0 && this.session.epoch === 0
  }

  /** Whether memory is reserved for the session, or being reserved; until then it waits for room. */
  get reserved(): boolean {
    return this.#reserved
  }

  get opened(): boolean {
    return this.#opened
  }

  /** The channel to the next stage; null when that is the coordinator, or when the channel was lost. */
  get hop(): Outbox | null {
    return this.#output.hop
  }

  /** The hand-over to other peers that is under way; null when there is none. */
  get handOver(): StageHandOver | null {
    return this.#handOver
  }

  /** Aborted when the stage is freed: ends everything that still waits on its behalf. */
  get freed(): AbortSignal {
    return this.#freed.signal
  }

  /** What this session took over from an earlier one; null when it began empty. */
  get began(): SessionPrefix | null {
    return this.#began
  }

  /** The session has begun with rows of an earlier one. */
  beganWith(prefix: SessionPrefix): void {
    this.#began = prefix
  }

  /** Counts the session among those that have memory. */
  reserve(): void {
    this.#reserved = true
  }

  /** Takes back `reserve`: the session got no memory. */
  unreserve(): void {
    this.#reserved = false
  }

  /**
   * Opens the stage, which takes steps from now on. @param hop the channel to the next stage; null when that is the
   * coordinator
   */
  open(hop: ChannelUse | null): void {
    this.connect(hop)
    this.#opened = true
  }

  /** Replaces the channel to the next stage, and releases the former one. */
  connect(hop: ChannelUse | null): void {
    this.#output.connect(hop)
  }

  /** Tells the coordinator that the session, or a step of it, cannot go on here. */
  fail(failure: Failure): void {
    this.#output.fail(this.session.epoch, failure)
  }

  /** Reports a failure of the next stage, which cannot report it itself. */
  failNext(failure: Failure): void {
    this.#output.failNext(this.session, failure)
  }

  /** Reports that the channel to the next stage has ended. The journal keeps the rows for the stage that replaces it. */
  nextLost(error: Error | undefined): void {
    this.connect(null)
    this.failNext({
      step: null,
      code: 'peer-vanished',
      message: error === undefined ? 'it closed its channel' : 'its channel has broken',
      definite: false,
    })
  }

  /** Ends the hand-over under way, whose successors are not wanted any more. */
  endHandOver(): void {
    this.#handOver?.stop()
    this.#handOver = null
  }

  /** Begins a hand-over to other peers, in place of the one before. */
  beginHandOver(handOver: StageHandOver): void {
    this.endHandOver()
    this.#handOver = handOver
  }

  /**
   * Ends what is under way, then frees KV cache and journal. Resolves when their memory is free.
   * @param before waited for when no step is under way any more and everything is still there
   */
  free(before?: () => Promise<void>): Promise<void> {
    this.#freed.abort(new ShoalError('cancelled', 'the session was closed'))
    this.connect(null)
    return this.session.close(before)
  }
}
