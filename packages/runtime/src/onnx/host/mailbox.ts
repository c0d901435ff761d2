import { messageOf, ShoalError } from '@shoal/host'
import type { SumRanks } from '../../block-runner.ts'
import type { BlockingSum } from '../computers/rank-chain.ts'

/**
 * Shared memory in which the compute thread leaves a partial sum and waits for the total, once per half-block, with a futex
 * each way: a message between threads costs several times as much (docs/log.md). The waiting thread sleeps and does not
 * spin.
 */
const states = { idle: 0, posted: 1, answered: 2, failed: 3 } as const
const stateAt = 0
const countAt = 1
/** Byte offset of `computedMs`, a float64 behind the two int32. */
const computedAtByte = 8
/** One cache line of the CPU, so that the state and the rows do not share one. */
const headBytes = 64

/** @param values of the longest exchange */
export function createMailboxMemory(values: number): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + values * Float32Array.BYTES_PER_ELEMENT)
}

/** The compute thread's side. */
export function mailboxSum(memory: SharedArrayBuffer): BlockingSum {
  const head = new Int32Array(memory, 0, headBytes / Int32Array.BYTES_PER_ELEMENT)
  const computed = new Float64Array(memory, computedAtByte, 1)
  const rows = new Float32Array(memory, headBytes)
  return (partial, computedMs) => {
    rows.set(partial)
    head[countAt] = partial.length
    computed[0] = computedMs
    Atomics.store(head, stateAt, states.posted)
    Atomics.notify(head, stateAt)
    while (Atomics.load(head, stateAt) === states.posted) Atomics.wait(head, stateAt, states.posted)
    // The other side knows the reason and reports it to the caller (`Mailbox.takeFailure`).
    if (Atomics.load(head, stateAt) === states.failed)
      throw new ShoalError('cancelled', 'the ranks did not add up their partial sums')
    return rows.subarray(0, partial.length)
  }
}

export interface Mailbox {
  /** The reason of the last failed exchange, once; null when none has failed since the last call. */
  takeFailure(): ShoalError | null
  /** Fails the exchange in progress and every later one. */
  close(): void
}

/** The device's side: answers every partial sum that is posted, until the mailbox is closed. */
export function serveMailbox(memory: SharedArrayBuffer, sum: SumRanks): Mailbox {
  const head = new Int32Array(memory, 0, headBytes / Int32Array.BYTES_PER_ELEMENT)
  const computed = new Float64Array(memory, computedAtByte, 1)
  const rows = new Float32Array(memory, headBytes)
  let failure: ShoalError | null = null
  let closed = false

  const settle = (state: number): void => {
    Atomics.store(head, stateAt, state)
    Atomics.notify(head, stateAt)
  }
  const answer = async (): Promise<void> => {
    const partial = rows.subarray(0, Atomics.load(head, countAt))
    try {
      const total = await sum(partial, computed[0] ?? 0)
      if (total.length !== partial.length)
        throw new ShoalError('internal', `${partial.length} partial sums came back as ${total.length}`)
      if (closed) return
      if (total !== partial) partial.set(total)
      settle(states.answered)
    } catch (error) {
      failure = asShoalError(error)
      settle(states.failed)
    }
  }
  const serve = async (): Promise<void> => {
    while (!closed) {
      const state = Atomics.load(head, stateAt)
      if (state === states.posted) {
        await answer()
        continue
      }
      const changed = Atomics.waitAsync(head, stateAt, state)
      if (changed.async) await changed.value
    }
    if (Atomics.load(head, stateAt) === states.posted) settle(states.failed)
  }
  void serve()

  return {
    takeFailure() {
      const taken = failure
      failure = null
      return taken
    },
    close() {
      closed = true
      failure ??= new ShoalError('not-ready', 'this rank has been released')
      if (Atomics.load(head, stateAt) === states.posted) settle(states.failed)
      // Ends the wait for the next partial sum.
      else Atomics.notify(head, stateAt)
    },
  }
}

function asShoalError(error: unknown): ShoalError {
  return error instanceof ShoalError ? error : new ShoalError('internal', messageOf(error), { cause: error })
}
