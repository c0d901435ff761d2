import type { Piece } from '@shoal/model/node'
import { blobLimits } from '../limits.ts'
import { createTensorSenders, type TensorSenders } from './tensor-senders.ts'

/**
 * Who fetches which piece of one unit. Peers take the next piece when they have room, so that a fast one takes more. Pure
 * bookkeeping; time is an argument.
 */
export interface PieceBoard extends Pick<TensorSenders, 'suspect' | 'exclude' | 'forget'> {
  /** The next piece for this peer, now in its hands; null when there is nothing for it at present. */
  take(peer: string, nowMs: number): Piece | null
  /** Whether an answer of this peer is still wanted; the second answer to a piece is not. */
  accepts(piece: Piece, peer: string): boolean
  /** Notes that a piece has arrived. */
  done(piece: Piece): void
  /** Notes that `peer` will not send a piece. */
  giveBack(piece: Piece, peer: string): void
  /** Notes that pieces are missing again. */
  reopen(pieces: readonly Piece[]): void
  /** Pieces that have not arrived. */
  readonly remaining: number
  /** Milliseconds from now until the next piece in flight may be given to a second peer; null when there is none. */
  nextHedgeMs(nowMs: number): number | null
}

/** A piece that peers have been asked for. */
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
  const senders = createTensorSenders()

  const reopen = (pieces: readonly Piece[]): void => {
    for (const piece of pieces) open.set(piece.index, piece)
  }
  const takeNew = (peer: string, nowMs: number): Piece | null => {
    for (const piece of open.values()) {
      const { name } = piece.tensor
      if (flights.has(piece) || !senders.mayGive(name, peer)) continue
      if (senders.claim(name, peer)) reopen(onSole(name, peer))
      flights.set(piece, { sinceMs: nowMs, peers: new Set([peer]) })
      return piece
    }
    return null
  }
  /** A piece that its first peer has owed for too long; the first answer counts. */
  const takeLate = (peer: string, nowMs: number): Piece | null => {
    for (const [piece, flight] of flights) {
      if (hedgeInMs(piece, flight, nowMs) > 0 || flight.peers.has(peer)) continue
      if (!senders.mayGive(piece.tensor.name, peer)) continue
      flight.peers.add(peer)
      return piece
    }
    return null
  }
  /** Milliseconds until a second peer may be asked for the piece; infinite when no second peer may be asked. */
  const hedgeInMs = (piece: Piece, { sinceMs, peers }: Flight, nowMs: number): number =>
    peers.size !== 1 || senders.isSuspect(piece.tensor.name)
      ? Number.POSITIVE_INFINITY
      : sinceMs + blobLimits.hedgeAfterMs - nowMs

  return {
    suspect: (tensor, sole) => senders.suspect(tensor, sole),
    exclude: (tensor, peer) => senders.exclude(tensor, peer),
    forget: (peer) => senders.forget(peer),
    reopen,
    take: (peer, nowMs) => takeNew(peer, nowMs) ?? takeLate(peer, nowMs),
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
    get remaining() {
      return open.size
    },
    nextHedgeMs(nowMs) {
      const waits = [...flights].map(([piece, flight]) => hedgeInMs(piece, flight, nowMs))
      // Pieces that are due already wait for a source to become idle, and not for the clock.
      const next = Math.min(...waits.filter((waitMs) => waitMs > 0))
      return Number.isFinite(next) ? next : null
    },
  }
}

/** How many pieces to have under way with a peer whose last one took `elapsedMs`. */
export function nextWindow(window: number, elapsedMs: number): number {
  if (elapsedMs >= blobLimits.slowPieceMs) return Math.max(1, Math.floor(window / 2))
  return Math.min(blobLimits.piecesInFlight, window + 1)
}
