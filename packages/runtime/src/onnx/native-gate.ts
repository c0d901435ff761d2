import { ShoalError } from '@shoal/host'

/**
 * Lets a process end while its worker computes.
 *
 * Node ends a worker by making its next call into Node fail. The binding does not handle that: when a call into
 * onnxruntime returns to a worker that is being ended, the whole process aborts (`terminate called after throwing an
 * instance of 'Napi::Error'`). So the thread that ends the process closes this gate first: no further native call begins,
 * and the one in progress is waited for.
 */
export interface NativeGate {
  /** Makes a native call. @throws {ShoalError} `compute-failed` once the gate is closed */
  pass<T>(call: () => T): T
}

const inside = 0
const closed = 1

/** The gate's state, shared between the worker and the thread that started it. */
export function createGateMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)
}

/** The side of the worker. */
export function nativeGate(memory: SharedArrayBuffer): NativeGate {
  const state = new Int32Array(memory)
  return {
    pass(call) {
      // This side enters, then looks whether the gate is closed; the other closes, then looks whether somebody is inside. So
      // at least one of them sees the other.
      Atomics.store(state, inside, 1)
      try {
        if (Atomics.load(state, closed) === 1) throw new ShoalError('compute-failed', 'the process is ending')
        return call()
      } finally {
        Atomics.store(state, inside, 0)
        Atomics.notify(state, inside)
      }
    },
  }
}

/** For a process of its own, which nobody ends while it computes. */
export const openGate: NativeGate = { pass: (call) => call() }

/** The side of the thread that ends the process: blocks until no native call is in progress, at most for `waitMs`. */
export function closeGate(memory: SharedArrayBuffer, waitMs: number): void {
  const state = new Int32Array(memory)
  Atomics.store(state, closed, 1)
  Atomics.wait(state, inside, 1, waitMs)
}
