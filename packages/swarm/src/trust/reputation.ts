import type { Clock } from '@shoal/host'
import { createConduct, type Conduct } from '@shoal/membership'
import {
  avoidedAsStageForMs,
  bannedForMs,
  barredAsSourceForMs,
  noEvidence,
  sourceDemerit,
  withFault,
  type Evidence,
  type Fault,
} from './evidence.ts'
import { trustLimits } from './limits.ts'

/** The transfers of weights from one peer, for status pages and tests. */
export interface PeerTransfer {
  readonly peer: string
  /** Bytes received, including wrong pieces and pieces that came twice. */
  readonly receivedBytes: number
  /** Pieces or tensors with a wrong hash. */
  readonly wrongPieces: number
  /** How often the peer broke a transfer off or did not answer. */
  readonly failures: number
  /** Milliseconds for which the peer is not asked for weights; 0 when it may be asked. */
  readonly barredForMs: number
}

/**
 * What this peer has seen of others, and what follows from it. Evidence is first hand, or a proof that this peer has checked
 * itself (gossip about others could be used to slander them), and lasts as long as the process. `evidence.ts` has one pure rule for each question.
 *
 * Whether a peer may be a neighbour is answered by membership's `Conduct`, which keeps an account of its own behind the
 * same object. Gossip is on a lower rung and must work without this package; its faults fade one by one, because an
 * honest peer of another release may send a strange frame now and then, whereas wrong bytes and wrong rows are proven
 * by hash and checks. A fault in one role does not count in the others: a bad disk says nothing of the rows that a peer
 * computes.
 */
export interface Reputation {
  /** Bytes of weights came from it. */
  received(peer: string, bytes: number): void
  saw(peer: string, fault: Fault): void
  /** Whether it may be asked for weights. */
  mayBeSource(peer: string): boolean
  /** Those of `peers` that may be sources, most reliable first; equals stay in their order. */
  rankSources(peers: readonly string[]): string[]
  /** Peers that routes avoid now, as long as others hold the blocks. */
  avoidedStages(): ReadonlySet<string>
  /** Peers whose wrong results are proven, with the milliseconds for which plans and routes leave them out. */
  banned(): ReadonlyMap<string, number>
  /** Given to membership, which blames and asks by it. */
  readonly neighbours: Conduct
  /** Transfers from every peer that was asked for weights. */
  transfers(): PeerTransfer[]
}

export function createReputation(clock: Clock): Reputation {
  /** Evidence by peer; the entry that has not changed for longest comes first. */
  const accounts = new Map<string, Evidence>()
  const evidenceOf = (peer: string): Evidence => accounts.get(peer) ?? noEvidence
  const note = (peer: string, evidence: Evidence): void => {
    accounts.delete(peer)
    accounts.set(peer, evidence)
    const [oldest] = accounts.keys()
    if (accounts.size > trustLimits.peers && oldest !== undefined) accounts.delete(oldest)
  }
  const mayBeSource = (peer: string): boolean => barredAsSourceForMs(evidenceOf(peer), clock.nowMs()) === 0

  return {
    received(peer, bytes) {
      const evidence = evidenceOf(peer)
      note(peer, { ...evidence, receivedBytes: evidence.receivedBytes + bytes })
    },
    saw: (peer, fault) => note(peer, withFault(evidenceOf(peer), fault, clock.nowMs())),
    mayBeSource,
    rankSources: (peers) =>
      peers.filter(mayBeSource).sort((a, b) => sourceDemerit(evidenceOf(a)) - sourceDemerit(evidenceOf(b))),
    avoidedStages: () =>
      new Set(
        [...accounts].flatMap(([peer, evidence]) =>
          avoidedAsStageForMs(evidence, clock.nowMs()) > 0 ? [peer] : [],
        ),
      ),
    banned: () =>
      new Map(
        [...accounts].flatMap(([peer, evidence]) => {
          const forMs = bannedForMs(evidence, clock.nowMs())
          return forMs > 0 ? [[peer, forMs] as const] : []
        }),
      ),
    neighbours: createConduct(clock),
    transfers: () =>
      [...accounts].map(([peer, evidence]) => ({
        peer,
        receivedBytes: evidence.receivedBytes,
        wrongPieces: evidence.faults['wrong-weights'],
        failures: evidence.faults['failed-transfer'],
        barredForMs: barredAsSourceForMs(evidence, clock.nowMs()),
      })),
  }
}
