import { messageOf, ShoalError } from '@shoal/host'
import {
  decodeRows,
  decodeSession,
  type CloseSession,
  type KeyValues,
  type KeyValuesEnd,
  type Step,
} from '@shoal/protocol'
import type { Outbox } from '../channels/outbox.ts'
import type { PrefixDesk } from './kept/prefix-desk.ts'
import type { HandOverDesk } from './hand-over/desk.ts'
import { openStage } from './opening/open-stage.ts'
import type { StageOpeningContext } from './opening/opening-context.ts'
import type { Stage } from './stage.ts'
import type { StageTable } from './stage-table.ts'

export interface StageMessagesContext {
  readonly table: StageTable
  readonly opening: StageOpeningContext
  readonly handOvers: HandOverDesk
  readonly prefixes: PrefixDesk
}

/** Hands each message to the session that it is for, after checking that its sender may send it. */
export class StageMessages {
  readonly #table: StageTable
  readonly #opening: StageOpeningContext
  readonly #handOvers: HandOverDesk
  readonly #prefixes: PrefixDesk

  constructor({ table, opening, handOvers, prefixes }: StageMessagesContext) {
    this.#table = table
    this.#opening = opening
    this.#handOvers = handOvers
    this.#prefixes = prefixes
  }

  /**
   * Takes a frame from a coordinator or a stage before this one.
   * @param outbox the sending side of the frame's channel
   * @returns a promise that resolves when the frame counts as consumed
   * @throws {ShoalError} `bad-frame` for an undecodable frame, and for a message that stages never receive
   */
  receive(outbox: Outbox, frame: Uint8Array): Promise<void> | void {
    const { message, payload } = decodeSession(frame)
    const { peer } = outbox
    this.#table.heard(peer)
    switch (message.type) {
      case 'open':
        return openStage(this.#opening, outbox, message)
      case 'step':
        return this.#step(outbox, message, payload)
      case 'close':
        return this.#close(peer, message)
      case 'replay': {
        const stage = this.#table.find(message.session, message.start)
        return stage?.owner.peer === peer ? stage.session.replay(message) : undefined
      }
      case 'keep-alive':
        return this.#table.owner(peer)?.heardOn(outbox)
      case 'hand-over':
      case 'let-go':
        return this.#handOvers.receive(peer, message)
      case 'key-values':
      case 'key-values-end':
        return this.#keyValues(peer, message, payload)
      case 'opened':
      case 'receipt':
      case 'result':
      case 'failed':
      case 'leaving':
      case 'handed-over':
        throw new ShoalError('bad-frame', `'${message.type}' is for coordinators, not for a stage`)
    }
  }

  /**
   * Takes a frame that a next hop sent back. It does so only when it does not know a session; this stage tells the
   * session's coordinator, to which the next hop may have no channel.
   * @throws {ShoalError} `bad-frame`
   */
  receiveFromHop(peer: string, frame: Uint8Array): void {
    const { message } = decodeSession(frame)
    if (message.type !== 'failed')
      throw new ShoalError('bad-frame', `'${message.type}' does not come from a next hop`)
    for (const stage of this.#table.list()) {
      // An answer to rows of an older route says nothing about this one.
      if (message.epoch !== stage.session.epoch) continue
      if (stage.id === message.session && stage.end === message.start && stage.session.next.peer === peer)
        stage.failNext(message)
    }
  }

  #step(outbox: Outbox, message: Step, payload: Uint8Array): Promise<void> | void {
    const { session, start, epoch, step, rows } = message
    const stage = this.#table.find(session, start)
    // The answer is the same for a session that exists, so that a stranger does not learn whose sessions are here.
    if (stage === undefined || !stage.opened || stage.session.previous !== outbox.peer) {
      outbox.post({
        type: 'failed',
        session,
        start,
        epoch,
        step,
        code: 'unknown-session',
        message: `no session ${session} at block ${start} takes steps from you`,
        definite: true,
      })
      return
    }
    try {
      return this.#compute(stage, message, decodeRows(stage.wire, payload, rows, stage.runner.hiddenSize))
    } catch (error) {
      stage.fail({
        step,
        code: 'bad-frame',
        message: `mis-shaped hidden states from ${outbox.peer}: ${messageOf(error)}`,
        definite: true,
      })
    }
  }

  /** Only computed rows count as use: refused ones cost their sender nothing. */
  async #compute(stage: Stage, message: Step, hidden: Float32Array): Promise<void> {
    const { session } = stage
    const before = session.computedSteps
    await session.receive(message, hidden)
    if (session.computedSteps > before) this.#table.used(stage)
  }

  #close(peer: string, { session, start, keep }: CloseSession): void {
    for (const stage of this.#table.owner(peer)?.stages ?? []) {
      if (stage.id !== session || (start !== null && start !== stage.start)) continue
      this.#handOvers.closing(stage)
      stage.session.finish(keep)
      this.#free(stage, keep)
    }
  }

  #free(stage: Stage, keep: number | undefined): void {
    if (keep === undefined) {
      void this.#table.free(stage)
      return
    }
    const closing = this.#prefixes.closing(stage, keep)
    const end = (): void => closing.end()
    this.#table.free(stage, () => closing.read()).then(end, end)
  }

  #keyValues(peer: string, message: KeyValues | KeyValuesEnd, payload: Uint8Array): Promise<void> | void {
    const stage = this.#table.find(message.session, message.start)
    const restore = stage?.restore
    // Keys and values are taken from the peer that `open` named only, and not from an earlier attempt.
    if (stage === undefined || restore?.peer !== peer || restore.epoch !== message.epoch) return
    this.#table.used(stage)
    return message.type === 'key-values' ? restore.receive(message, payload) : restore.end(message, payload)
  }
}
