import { createSerialQueue, isErrorCode, messageOf, ShoalError } from '@shoal/host'
import { decodeSteps, type KeyValues, type KeyValuesEnd } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { allFinite } from '../../route/hidden-states.ts'
import type { OutputJournal } from '../../route/journal.ts'
import { createChecksum } from './checksum.ts'

export interface StageRestoreOptions {
  /** The only peer that may send the session. */
  readonly peer: string
  /** Epoch of the `open` that asked for the session. */
  readonly epoch: number
  /** The runner's name for the session. */
  readonly key: string
  readonly runner: BlockRunner
  readonly journal: OutputJournal
  /** Called once the whole session has arrived. @param lastStep the highest step that the other stage took */
  adopt(lastStep: number | null): void
  /** Called once when the session cannot be used. */
  failed(error: ShoalError): void
}

/** Receives a session's KV cache, and its journal where the sender has one, from the stage that had the session before. */
export class StageRestore {
  readonly peer: string
  readonly epoch: number
  readonly #options: StageRestoreOptions
  readonly #checksum = createChecksum()
  readonly #whole = Promise.withResolvers<void>()
  /** Handles frames in order, and none after a failure. */
  readonly #frames = createSerialQueue()
  #over = false

  constructor(options: StageRestoreOptions) {
    this.peer = options.peer
    this.epoch = options.epoch
    this.#options = options
    // If nobody awaits this promise, its rejection must not count as unhandled.
    this.#whole.promise.catch(() => undefined)
  }

  /**
   * Resolves when the whole session has arrived and its checksum is right. When it rejects, nothing that arrived may be
   * used.
   */
  get whole(): Promise<void> {
    return this.#whole.promise
  }

  /**
   * Takes the values of some positions.
   * @param payload float32, bit for bit: per block `[keyValueHeads, rows, headSize]` keys, then values; then, with a
   *   journal, `[rows, hiddenSize]` outputs
   * @returns a promise that resolves when the values are in the cache, so that the sender's credit follows
   */
  receive(message: KeyValues, payload: Uint8Array): Promise<void> {
    const values = new Float32Array(
      payload.buffer,
      payload.byteOffset,
      payload.byteLength / Float32Array.BYTES_PER_ELEMENT,
    )
    if (!this.#over) this.#checksum.add(values)
    return this.#next(() => this.#store(message, values))
  }

  /**
   * Handles the last message, which says what should have arrived. @param payload the steps that the journal's rows
   * belong to
   */
  end(message: KeyValuesEnd, payload: Uint8Array): Promise<void> {
    return this.#next(() => this.#finish(message, payload))
  }

  #next(work: () => Promise<void> | void): Promise<void> {
    return this.#frames
      .run(async () => {
        if (!this.#over) await work()
      })
      .catch((error: unknown) => this.#fail(error))
  }

  async #store({ position, rows, journal: withJournal }: KeyValues, values: Float32Array): Promise<void> {
    const { key, runner, journal, peer } = this.#options
    const here = runner.length(key)
    if (position > here)
      throw new ShoalError(
        'wrong-position',
        `keys and values begin at position ${position}, only ${here} are here`,
      )
    if (!allFinite(values)) throw new ShoalError('bad-frame', `non-finite keys and values from ${peer}`)
    const size = values.length - (withJournal ? rows * runner.hiddenSize : 0)
    // The sender's session was rewound, or the sender begins again: the positions from here on are replaced.
    if (position < here) await runner.truncate(key, position)
    if (position < journal.length) journal.truncate(position)
    await runner.importKeyValues(key, position, values.subarray(0, Math.max(0, size)))
    if (runner.length(key) !== position + rows)
      throw new ShoalError('bad-frame', `${runner.length(key) - position} positions came as ${rows}`)
    if (journal.length === journal.from) journal.startAt(position)
    if (journal.length !== position)
      throw new ShoalError(
        'bad-frame',
        `outputs up to position ${journal.length}, keys and values from ${position}`,
      )
    if (withJournal) journal.restore(values.subarray(size))
    else journal.startAt(position + rows)
  }

  #finish({ length, lastStep, checksum: expected }: KeyValuesEnd, payload: Uint8Array): void {
    const { key, runner, journal, peer } = this.#options
    const here = runner.length(key)
    if (here !== length) throw new ShoalError('wrong-position', `${here} positions came, ${length} were sent`)
    const checksum = this.#checksum.value
    if (checksum !== expected)
      throw new ShoalError(
        'hash-mismatch',
        `keys and values have checksum ${checksum}, ${peer} sent ${expected}`,
      )
    const steps = decodeSteps(payload)
    if (steps.length > 0 && steps.at(-1)!.step > (lastStep ?? -1))
      throw new ShoalError('bad-frame', `step ${steps.at(-1)!.step} came after the last one, ${lastStep}`)
    if (journal.length !== length)
      throw new ShoalError('wrong-position', `${journal.length} outputs for ${length} positions`)
    journal.adopt(steps)
    this.#options.adopt(lastStep)
    this.#over = true
    this.#whole.resolve()
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    const reason =
      error instanceof ShoalError && isErrorCode(error.code)
        ? error
        : new ShoalError(
            'bad-frame',
            `the keys and values of ${this.peer} cannot be used: ${messageOf(error)}`,
            { cause: error },
          )
    this.#options.failed(reason)
    this.#whole.reject(reason)
  }
}
