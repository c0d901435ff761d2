import { createSerialQueue, isErrorCode, messageOf, ShoalError } from '@shoal/host'
import { decodeSteps, type KeyValues, type KeyValuesEnd } from '@shoal/protocol'
import type { BlockRunner } from '@shoal/runtime'
import { createChecksum } from './checksum.ts'
import { allFinite } from '../../route/hidden-states.ts'
import type { OutputJournal } from '../../route/journal.ts'

/** A session's keys and values, and the journal where there is one, on their way from the stage that had it before. */
export interface StageRestore {
  /** The only peer that may send them. */
  readonly peer: string
  /** Of the `open` that asked for them. */
  readonly epoch: number
  /** Resolves when they are in the cache, so that the sender's credit follows. */
  receive(message: KeyValues, payload: Uint8Array): Promise<void>
  end(message: KeyValuesEnd, payload: Uint8Array): Promise<void>
  /** Resolves when all is here and right; rejects when it is not, and nothing of it may be used. */
  readonly whole: Promise<void>
}

export interface StageRestoreOptions {
  readonly peer: string
  readonly epoch: number
  readonly key: string
  readonly runner: BlockRunner
  readonly journal: OutputJournal
  /** Runs when all is here: what the highest step was. */
  adopt(lastStep: number | null): void
  /** Runs once when something was wrong. */
  failed(error: ShoalError): void
}

export function createStageRestore(options: StageRestoreOptions): StageRestore {
  const { peer, epoch, key, runner, journal } = options
  const checksum = createChecksum()
  const whole = Promise.withResolvers<void>()
  // Whoever never asks must not make it unhandled.
  whole.promise.catch(() => undefined)
  let over = false
  const working = createSerialQueue()

  const fail = (error: unknown): void => {
    if (over) return
    over = true
    const reason =
      error instanceof ShoalError && isErrorCode(error.code)
        ? error
        : new ShoalError('bad-frame', `the keys and values of ${peer} cannot be used: ${messageOf(error)}`, {
            cause: error,
          })
    options.failed(reason)
    whole.reject(reason)
  }
  /** Frames are handled in order, and none after a failure. */
  const next = (work: () => Promise<void> | void): Promise<void> =>
    working
      .run(async () => {
        if (!over) await work()
      })
      .catch(fail)

  const store = async (
    { position, rows, journal: withJournal }: KeyValues,
    values: Float32Array,
  ): Promise<void> => {
    const here = runner.length(key)
    if (position > here)
      throw new ShoalError(
        'wrong-position',
        `keys and values begin at position ${position}, only ${here} are here`,
      )
    if (!allFinite(values)) throw new ShoalError('bad-frame', `non-finite keys and values from ${peer}`)
    const size = values.length - (withJournal ? rows * runner.hiddenSize : 0)
    // A rewind there, or a second attempt: what came before is replaced.
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

  const finish = ({ length, lastStep, checksum: expected }: KeyValuesEnd, payload: Uint8Array): void => {
    if (runner.length(key) !== length)
      throw new ShoalError('wrong-position', `${runner.length(key)} positions came, ${length} were sent`)
    if (checksum.value !== expected)
      throw new ShoalError(
        'hash-mismatch',
        `keys and values have checksum ${checksum.value}, ${peer} sent ${expected}`,
      )
    const steps = decodeSteps(payload)
    if (steps.length > 0 && steps.at(-1)!.step > (lastStep ?? -1))
      throw new ShoalError('bad-frame', `step ${steps.at(-1)!.step} came after the last one, ${lastStep}`)
    if (journal.length !== length)
      throw new ShoalError('wrong-position', `${journal.length} outputs for ${length} positions`)
    journal.adopt(steps)
    options.adopt(lastStep)
    over = true
    whole.resolve()
  }

  return {
    peer,
    epoch,
    whole: whole.promise,
    receive(message, payload) {
      const values = new Float32Array(
        payload.buffer,
        payload.byteOffset,
        payload.byteLength / Float32Array.BYTES_PER_ELEMENT,
      )
      if (!over) checksum.add(values)
      return next(() => store(message, values))
    },
    end: (message, payload) => next(() => finish(message, payload)),
  }
}
