import { ShoalError } from '@shoal/host'
import type { OrtModule } from './wasm-module.ts'

/** Pointers and sizes of a 32-bit module. */
export const wordBytes = 4

/** Memory of one call, freed at its end. */
export interface Scratch {
  /** @returns the place of a copy. @throws {ShoalError} `no-capacity` */
  copy(bytes: Uint8Array): number
  /** @returns the place of 32-bit words */
  words(values: readonly number[]): number
  /** @returns the place of a text that ends with 0 */
  text(text: string): number
  /** Calls `free` at the end, before the memory is freed. */
  later(free: () => void): void
}

/** The heap of a WebAssembly module. */
export interface Heap {
  readonly module: OrtModule
  word(at: number): number
  /**
   * Renews the views of the heap. Another thread of the module may have made it grow, and only functions of the module that
   * read or write it look for that.
   */
  renewViews(scratch: Scratch): void
  during<Result>(call: (scratch: Scratch) => Result): Result
  /** @throws {ShoalError} `compute-failed` unless `status` is 0 */
  check(status: number, what: string): void
  /** @throws {ShoalError} `compute-failed`, with what the module says of its last error */
  fail(what: string): never
}

export function createHeap(module: OrtModule): Heap {
  if (module.PTR_SIZE !== wordBytes) throw new Error(`the module has pointers of ${module.PTR_SIZE} bytes`)
  const word = (at: number): number => module.HEAP32[at / wordBytes] ?? 0
  const allocate = (bytes: number, frees: (() => void)[]): number => {
    const at = module._malloc(Math.max(bytes, 1)) >>> 0
    if (at === 0) throw new ShoalError('no-capacity', `this page has no memory for ${bytes} more bytes`)
    frees.push(() => module._free(at))
    return at
  }
  const fail = (what: string): never => {
    const stack = module.stackSave()
    const at = module.stackAlloc(2 * wordBytes)
    module._OrtGetLastError(at, at + wordBytes)
    const [code, message] = [word(at), word(at + wordBytes)]
    module.stackRestore(stack)
    const reason = message === 0 ? `error ${code}` : module.UTF8ToString(message)
    throw new ShoalError('compute-failed', `onnxruntime ${what}: ${reason}`)
  }
  return {
    module,
    word,
    renewViews: (scratch) => module.stringToUTF8('', scratch.words([0]), 1),
    fail,
    check(status, what) {
      if (status !== 0) fail(what)
    },
    during(call) {
      const frees: (() => void)[] = []
      const scratch: Scratch = {
        copy(bytes) {
          const at = allocate(bytes.byteLength, frees)
          module.HEAPU8.set(bytes, at)
          return at
        },
        words(values) {
          const at = allocate(values.length * wordBytes, frees)
          module.HEAP32.set(values, at / wordBytes)
          return at
        },
        text(text) {
          const bytes = module.lengthBytesUTF8(text) + 1
          const at = allocate(bytes, frees)
          module.stringToUTF8(text, at, bytes)
          return at
        },
        later: (free) => void frees.push(free),
      }
      try {
        return call(scratch)
      } finally {
        for (const free of frees.reverse()) free()
      }
    },
  }
}
