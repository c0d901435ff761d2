import { ShoalError } from '@shoal/host'
import {
  decodeEvidence,
  encodeEvidence,
  type Evidence,
  type SealedReceipt,
  type Verify,
} from '@shoal/protocol'
import type { AuditCounts } from './auditor.ts'
import type { AuditStatus } from './status.ts'
import { convict } from './verdict.ts'

/** What `GET /audit` and `shoal audit --json` give: plain values, with bytes in hexadecimal. */
export interface AuditReport {
  readonly counts: AuditCounts
  readonly proven: readonly string[]
  readonly bans: AuditStatus['bans']
  readonly sessions: readonly {
    readonly session: string
    readonly receipts: readonly ReportedReceipt[]
  }[]
  /** Evidence that counts, each as the bytes that `shoal audit verify` reads. */
  readonly evidence: readonly string[]
}

interface ReportedReceipt {
  readonly peer: string
  readonly start: number
  readonly end: number
  readonly position: number
  readonly in: string
  readonly out: string
}

/** A piece of evidence, checked. */
export interface CheckedEvidence {
  readonly kind: Evidence['kind'] | null
  /** The convicted peer; null for evidence that convicts nobody. */
  readonly guilty: string | null
  readonly numericClass: string | null
  readonly blocks: readonly [number, number] | null
  readonly position: number | null
  readonly arbiters: readonly string[]
}

/** The status in plain values, for JSON. Pure. */
export function auditReport(status: AuditStatus): AuditReport {
  const { counts, proven, bans, sessions, evidence } = status
  return {
    counts,
    proven,
    bans,
    sessions: sessions.map(({ session, receipts }) => ({ session, receipts: receipts.map(reported) })),
    evidence: evidence.map((piece) => hexOf(encodeEvidence(piece))),
  }
}

/**
 * Checks a piece of evidence from a report, without a network: signatures, equal inputs, different outputs. That the
 * arbiters were those whom the receipt names can only be checked by somebody who knows who held the blocks then.
 */
export async function checkEvidence(hex: string, verify: Verify): Promise<CheckedEvidence> {
  const nobody = { guilty: null, numericClass: null, blocks: null, position: null, arbiters: [] }
  let evidence: Evidence
  try {
    evidence = decodeEvidence(bytesOf(hex))
  } catch (error) {
    if (error instanceof ShoalError) return { kind: null, ...nobody }
    throw error
  }
  const conviction = await convict(evidence, verify)
  if (conviction === null) return { kind: evidence.kind, ...nobody }
  const { guilty, arbiters } = conviction
  const { peer, numericClass, start, end, position } = guilty
  return { kind: evidence.kind, guilty: peer, numericClass, blocks: [start, end], position, arbiters }
}

function reported({ receipt }: SealedReceipt): ReportedReceipt {
  const { peer, start, end, position } = receipt
  return { peer, start, end, position, in: hexOf(receipt.in), out: hexOf(receipt.out) }
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** @throws {ShoalError} `bad-frame` */
function bytesOf(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new ShoalError('bad-frame', 'evidence must be hexadecimal')
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  )
}
