import type { WrittenPiece } from '@shoal/model/node'

/**
 * Finds out who sent wrong bytes. A tensor has one hash, its pieces have none: when pieces of several peers make a wrong
 * tensor, the pieces are remembered until the right tensor is known, and compared with it then. Pure.
 */
export interface TensorTrials {
  /**
   * Notes that these pieces of a tensor, in order, have the wrong hash. @returns the peer that sent all of them; null
   * when several did
   */
  wrong(tensor: string, pieces: readonly WrittenPiece[]): string | null
  /** Notes the right pieces of a tensor. @returns the peers that had sent different ones */
  right(tensor: string, pieces: readonly WrittenPiece[]): string[]
}

export function createTensorTrials(): TensorTrials {
  const open = new Map<string, (readonly WrittenPiece[])[]>()
  return {
    wrong(tensor, pieces) {
      const senders = new Set(pieces.map(({ from }) => from))
      const [only] = senders
      if (senders.size === 1 && only !== undefined) return only
      open.set(tensor, [...(open.get(tensor) ?? []), pieces])
      return null
    },
    right(tensor, pieces) {
      const liars = new Set<string>()
      for (const earlier of open.get(tensor) ?? []) {
        for (const [index, { sha256, from }] of earlier.entries())
          if (pieces[index]?.sha256 !== sha256) liars.add(from)
      }
      open.delete(tensor)
      return [...liars]
    },
  }
}
