import { ShoalError } from './errors.ts'

/** What memory is used for. */
export type MemoryUse = 'weights' | 'key-values' | 'journals' | 'head'

/** Bytes of a budget that are taken. */
export interface MemoryCharge {
  readonly bytes: number
  /** Gives the bytes back. Calling it again changes nothing. */
  free(): void
}

/**
 * The memory that a node may use for a model, asked before anything is allocated: weights of all its spans and shares,
 * KV caches and journals of sessions at their full budgets, parts of the head. Everything that shares the limit shares
 * one budget, so nothing is promised twice.
 */
export interface MemoryBudget {
  readonly limitBytes: number
  /** @returns bytes that are taken, for one use or for all */
  usedBytes(use?: MemoryUse): number
  freeBytes(): number
  /**
   * Takes bytes.
   * @param what the subject of the refusal's sentence, such as `blocks 0:4`
   * @throws {ShoalError} `no-capacity` with the figures when fewer bytes are free
   */
  reserve(use: MemoryUse, bytes: number, what: string): MemoryCharge
  /**
   * Calls `listener` whenever bytes have been taken, until the function returned is called. Memory that is only borrowed
   * while nobody needs it is given back there.
   */
  onTaken(listener: () => void): () => void
}

export function createMemoryBudget(limitBytes: number): MemoryBudget {
  const used = new Map<MemoryUse, number>()
  const listeners = new Set<() => void>()
  const usedBytes = (use?: MemoryUse): number => {
    if (use !== undefined) return used.get(use) ?? 0
    let sum = 0
    for (const bytes of used.values()) sum += bytes
    return sum
  }
  const take = (use: MemoryUse, bytes: number): void => void used.set(use, usedBytes(use) + bytes)
  return {
    limitBytes,
    usedBytes,
    freeBytes: () => limitBytes - usedBytes(),
    reserve(use, bytes, what) {
      const others = usedBytes()
      if (bytes > limitBytes - others)
        throw new ShoalError(
          'no-capacity',
          `${what} need ${bytes} bytes, the limit is ${limitBytes}${others === 0 ? '' : `, and ${others} are in use`}`,
        )
      take(use, bytes)
      for (const listener of listeners) listener()
      let freed = false
      return {
        bytes,
        free() {
          if (!freed) take(use, -bytes)
          freed = true
        },
      }
    },
    onTaken(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** A budget for what no limit applies to, such as the reference in one process. */
export function unlimitedMemory(): MemoryBudget {
  return createMemoryBudget(Number.MAX_SAFE_INTEGER)
}
