import type { Clock } from '@shoal/host'
import { blobLimits } from '../weights/blobs/limits.ts'

/** What one peer has given, for people and tests. */
export interface PeerTransfer {
  readonly peer: string
  /** Bytes of blobs received, wrong and doubled ones included. */
  readonly receivedBytes: number
  /** Pieces or tensors that were not what was asked for. */
  readonly lies: number
  /** Times it broke off or did not answer. */
  readonly failures: number
  /** Not asked any more for this long; 0 when it is. */
  readonly barredForMs: number
}

/** How far peers have earned to be asked for weights. Lasts as long as the process. */
export interface PeerLedger {
  received(peer: string, bytes: number): void
  lied(peer: string): void
  failed(peer: string): void
  barred(peer: string): boolean
  /** Those that may be asked, most reliable first; equals stay in their order. */
  rank(peers: readonly string[]): string[]
  transfers(): PeerTransfer[]
}

interface Account {
  receivedBytes: number
  lies: number
  failures: number
  barredUntilMs: number
}

/** A lie weighs more than any number of lost connections. */
const lieWeight = 1000

export function createPeerLedger(clock: Clock): PeerLedger {
  const accounts = new Map<string, Account>()
  const account = (peer: string): Account => {
    const known = accounts.get(peer) ?? {
      receivedBytes: 0,
      lies: 0,
      failures: 0,
      barredUntilMs: Number.NEGATIVE_INFINITY,
    }
    accounts.set(peer, known)
    return known
  }
  const barred = (peer: string): boolean =>
    (accounts.get(peer)?.barredUntilMs ?? Number.NEGATIVE_INFINITY) > clock.nowMs()
  const demerit = (peer: string): number => {
    const known = accounts.get(peer)
    return known === undefined ? 0 : known.lies * lieWeight + Math.min(known.failures, lieWeight - 1)
  }
  return {
    received(peer, bytes) {
      account(peer).receivedBytes += bytes
    },
    lied(peer) {
      const known = account(peer)
      known.lies += 1
      if (known.lies < blobLimits.liesUntilBarred) return
      known.barredUntilMs =
        clock.nowMs() +
        Math.min(blobLimits.barMsMax, blobLimits.barMs * 2 ** (known.lies - blobLimits.liesUntilBarred))
    },
    failed(peer) {
      account(peer).failures += 1
    },
    barred,
    rank: (peers) => peers.filter((peer) => !barred(peer)).sort((a, b) => demerit(a) - demerit(b)),
    transfers: () =>
      [...accounts].map(([peer, { receivedBytes, lies, failures, barredUntilMs }]) => ({
        peer,
        receivedBytes,
        lies,
        failures,
        barredForMs: Math.max(0, barredUntilMs - clock.nowMs()),
      })),
  }
}
