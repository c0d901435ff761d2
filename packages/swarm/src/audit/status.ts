import type { Evidence, SealedReceipt } from '@shoal/protocol'
import type { AuditCounts } from './auditor.ts'

/** What a peer knows of audits, for `shoal audit`, status pages and tests. */
export interface AuditStatus {
  readonly sessions: readonly { readonly session: string; readonly receipts: readonly SealedReceipt[] }[]
  readonly counts: AuditCounts
  /** Peers whose results were right in enough audits. */
  readonly proven: readonly string[]
  readonly evidence: readonly Evidence[]
  /** Peers that plans and routes leave out, with the milliseconds that are left. */
  readonly bans: readonly { readonly peer: string; readonly forMs: number }[]
}
