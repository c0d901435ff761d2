import { blobLimits } from './limits.ts'

/** Places for pieces that are read from the disk and sent: each is a piece in memory and an open file. */
export interface PieceSlots {
  /** Resolves with a place, which the caller gives back. */
  take(peer: string): Promise<() => void>
}

interface Waiting {
  readonly peer: string
  begin(): void
}

/**
 * Gives each peer a few places, and serves those that wait in the order of their coming: a peer with many channels waits
 * behind itself.
 */
export function createPieceSlots(): PieceSlots {
  const taken = new Map<string, number>()
  const waiting: Waiting[] = []
  let total = 0

  const fits = (peer: string): boolean =>
    total < blobLimits.servedPieces && (taken.get(peer) ?? 0) < blobLimits.servedPiecesPerPeer

  const occupy = (peer: string): (() => void) => {
    total += 1
    taken.set(peer, (taken.get(peer) ?? 0) + 1)
    let given = false
    return () => {
      if (given) return
      given = true
      total -= 1
      const left = (taken.get(peer) ?? 1) - 1
      if (left === 0) taken.delete(peer)
      else taken.set(peer, left)
      beginNext()
    }
  }

  const beginNext = (): void => {
    for (;;) {
      const index = waiting.findIndex(({ peer }) => fits(peer))
      const [next] = index < 0 ? [] : waiting.splice(index, 1)
      if (next === undefined) return
      next.begin()
    }
  }

  return {
    take(peer) {
      if (fits(peer)) return Promise.resolve(occupy(peer))
      return new Promise((resolve) => waiting.push({ peer, begin: () => resolve(occupy(peer)) }))
    },
  }
}
