import type { Piece } from '@shoal/model/node'
import { blobLimits } from '../limits.ts'

/**
 * Who fetches which piece of one unit. Peers take the next piece when they have room, so a fast one takes more. Pure
 * bookkeeping; time is an argument.
 *
 * When a tensor of several senders turns out wrong, nobody knows yet who lied. It is then *suspect*: one peer gives all of it,
 * so that a second failure has a name, and a success shows which of the earlier pieces were wrong.
 */
export interface PieceBoard {
  /** The next piece for this peer, now in its hands; null when there is nothing for it at present. */
  take(peer: string, nowMs: number): Piece | null
  /** Whether an answer is still wanted from this peer; not so the second of two. */
  accepts(piece: Piece, peer: string): boolean
  /** It arrived. */
  done(piece: Piece): void
  /** `peer` will not bring it. */
  giveBack(piece: Piece, peer: string): void
  /** These are missing again. */
  reopen(pieces: readonly Piece[]): void
  readonly remaining: number
  /** From now on one peer at a time gives this tensor: `sole`, or whoever takes a piece of it next. */
  suspect(tensor: string, sole: string | null): void
  /** Never again this tensor from this peer. */
  exclude(tensor: string, peer: string): void
  /** A source is gone: suspect tensors that were its own need another. */
  forget(peer: string): void
  /** Milliseconds from now until the next piece in flight may be given to a second peer; null when there is none. */
  nextHedgeMs(nowMs: number): number | null
}

interface Flight {
  readonly sinceMs: number
  readonly peers: Set<string>
}

/** @param onSole a suspect tensor will come from this peer: pieces of others must be dropped, which this returns */
export function createPieceBoard(
  missing: readonly Piece[],
  onSole: (tensor: string, peer: string) => readonly Piece[],
): PieceBoard {
  const open = new Map(missing.map((piece) => [piece.index, piece]))
  const flights = new Map<Piece, Flight>()
  const excluded = new Map<string, Set<string>>()
  const suspects = new Map<string, string | null>()

  const reopen = (pieces: readonly Piece[]): void => {
    for (const piece of pieces) open.set(piece.index, piece)
  }
  const allowed = (piece: Piece, peer: string): boolean => {
    const { name } = piece.tensor
    if (excluded.get(name)?.has(peer) === true) return false
    const sole = suspects.get(name)
    return sole === undefined || sole === null || sole === peer
  }
  const begin = (piece: Piece, peer: string, nowMs: number): Piece => {
    const { name } = piece.tensor
    if (suspects.get(name) === null) {
      suspects.set(name, peer)
      reopen(onSole(name, peer))
    }
    flights.set(piece, { sinceMs: nowMs, peers: new Set([peer]) })
    return piece
  }
  return {
    take(peer, nowMs) {
      for (const piece of open.values()) {
        if (!flights.has(piece) && allowed(piece, peer)) return begin(piece, peer, nowMs)
      }
      for (const [piece, flight] of flights) {
        const late = nowMs - flight.sinceMs >= blobLimits.hedgeAfterMs && flight.peers.size === 1
        if (!late || flight.peers.has(peer) || suspects.has(piece.tensor.name) || !allowed(piece, peer))
          continue
        flight.peers.add(peer)
        return piece
      }
      return null
    },
    accepts: (piece, peer) => flights.get(piece)?.peers.has(peer) === true,
    done(piece) {
      open.delete(piece.index)
      flights.delete(piece)
    },
    giveBack(piece, peer) {
      const flight = flights.get(piece)
      flight?.peers.delete(peer)
      if (flight?.peers.size === 0) flights.delete(piece)
    },
    reopen,
    get remaining() {
      return open.size
    },
    suspect: (tensor, sole) =>
      void suspects.set(tensor, sole !== null && excluded.get(tensor)?.has(sole) === true ? null : sole),
    exclude(tensor, peer) {
      excluded.set(tensor, (excluded.get(tensor) ?? new Set()).add(peer))
      if (suspects.get(tensor) === peer) suspects.set(tensor, null)
    },
    forget(peer) {
      for (const [tensor, sole] of suspects) if (sole === peer) suspects.set(tensor, null)
    },
    nextHedgeMs(nowMs) {
      let next: number | null = null
      for (const [piece, { sinceMs, peers }] of flights) {
        const waitMs = sinceMs + blobLimits.hedgeAfterMs - nowMs
        // Those that are due already wait for a source to become idle, and not for the clock.
        if (waitMs > 0 && peers.size === 1 && !suspects.has(piece.tensor.name))
          next = Math.min(next ?? waitMs, waitMs)
      }
      return next
    },
  }
}

/** How many pieces to have under way with a peer whose last one took `elapsedMs`. */
export function nextWindow(window: number, elapsedMs: number): number {
  if (elapsedMs >= blobLimits.slowPieceMs) return Math.max(1, Math.floor(window / 2))
  return Math.min(blobLimits.piecesInFlight, window + 1)
}
