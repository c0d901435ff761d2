/** Limits on receipts and evidence, each with its reason. */
export const receiptLimits = {
  /** sha256. */
  digestBytes: 32,
  /** Positions between two receipts: a signature takes 31 µs, so one for 64 rows costs half a microsecond for each. */
  interval: 64,
  /** Position of the first receipt: so few rows are computed again for a four-hundredth of a session. */
  first: 8,
  /** A sealed receipt. Two ids of 64 characters, a session of 64, two digests, a signature and nine small numbers. */
  maxReceiptBytes: 512,
  /** Receipts in a piece of evidence: the accused, the peer that computed again, and two arbiters. */
  maxEvidenceReceipts: 4,
  /** A piece of evidence: its receipts and the CBOR around them. */
  maxEvidenceBytes: 4 * 512 + 64,
} as const
