import { receiptLimits } from '@shoal/protocol'

/** Limits of audits, each with its reason. */
export const auditLimits = {
  /** Sessions whose receipts are kept: what an hour of answers leaves, about 20 KiB each. */
  sessions: 64,
  /** Receipts kept of one session. A route of 16 stages and 1,024 positions has 256. */
  receiptsPerSession: 256,
  /** How long the last receipts of a session may take: a signature and one way. */
  receiptsTimeoutMs: 10_000,
  /** Finished sessions that wait for their audit, with their rows; more are not audited. */
  waiting: 4,
  /** Time for one audit, its arbiters included. */
  auditTimeoutMs: 120_000,
  /** Arbiters asked for one receipt. Two of them must agree. */
  arbitersAsked: 3,
  /**
   * Verifiers accept arbiters among this many first candidates, as their views of who is there may differ by some
   * peers.
   */
  arbitersTaken: 5,
  /** Audits in which a peer's results were right, until it counts as proven. */
  provenAfter: 3,
  /** Pieces of evidence that are remembered, so that each counts and is passed on once. */
  evidence: 256,
  /** Pieces of evidence that one peer may send in a minute. Each costs four checks of a signature, 0.3 ms. */
  evidencePerMinute: 8,
  /** Peers whose pace is remembered. */
  senders: 1024,
} as const

/** Shares of sessions that are audited as a whole. */
export const auditShares = {
  /** While a stage of the route is not proven yet. */
  unproven: 0.2,
  proven: 0.05,
  /** In a swarm whose members were invited. */
  private: 0.01,
  /**
   * Quick audits for each whole one. A quick one computes only the rows of the first receipt again, at a sixtieth of the
   * work: together they cost a tenth of the whole ones, and find a peer that always lies ten times as soon.
   */
  quick: 6,
} as const

/**
 * How many of a session's rows are computed again. Pure.
 * @param share of sessions that are audited as a whole
 * @param chance uniform in [0, 1)
 */
export function rowsToAudit(share: number, chance: number, length: number): number {
  if (chance < share) return length
  return chance < share * (1 + auditShares.quick) ? Math.min(receiptLimits.first, length) : 0
}
