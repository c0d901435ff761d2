import { decode, encode } from 'cborg'
import { codes } from '../codes.ts'
import { readFields } from '../fields.ts'
import {
  badFrame,
  encodeFrame,
  requireNoPayload,
  splitFrame,
  unknownCode,
  type FrameParts,
} from '../frame.ts'
import { protocols } from '../protocols.ts'
import { receiptLimits } from './limits.ts'

/**
 * - `two-receipts`: one peer has signed two outputs for one input.
 * - `wrong-output`: a peer's output differs from that of another peer and two arbiters for one input, in one numeric class.
 */
export const evidenceKinds = ['two-receipts', 'wrong-output'] as const
export type EvidenceKind = (typeof evidenceKinds)[number]

/** What convicts a peer before everybody: receipts that peers of one numeric class have signed. */
export interface Evidence {
  readonly kind: EvidenceKind
  /** Sealed receipts. The first is the guilty peer's. */
  readonly receipts: readonly Uint8Array[]
}

const receiptsOf: Readonly<Record<EvidenceKind, number>> = { 'two-receipts': 2, 'wrong-output': 4 }

export function encodeEvidence({ kind, receipts }: Evidence): Uint8Array {
  return encode([1, kind, [...receipts]])
}

/** Reads evidence without checking it. @throws {ShoalError} `bad-frame` */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > receiptLimits.maxEvidenceBytes)
    throw badFrame(`evidence of ${bytes.length} bytes is over the limit of ${receiptLimits.maxEvidenceBytes}`)
  let value: unknown
  try {
    value = decode(bytes, { rejectDuplicateMapKeys: true })
  } catch {
    throw badFrame('evidence is not CBOR')
  }
  if (!Array.isArray(value) || value.length !== 3 || value[0] !== 1)
    throw badFrame('evidence must be a list of version 1')
  const kind = evidenceKinds.find((known) => known === value[1])
  if (kind === undefined) throw badFrame(`evidence must be one of ${evidenceKinds.join(', ')}`)
  const receipts: unknown = value[2]
  if (!Array.isArray(receipts) || receipts.length !== receiptsOf[kind])
    throw badFrame(`evidence '${kind}' has ${receiptsOf[kind]} receipts`)
  return { kind, receipts: receipts.map(bytesOf) }
}

function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > receiptLimits.maxReceiptBytes)
    throw badFrame(`evidence holds receipts of at most ${receiptLimits.maxReceiptBytes} bytes`)
  return value
}

/** The only message of `/shoal/audit`: a piece of evidence, which its receiver checks and passes on. */
export function encodeEvidenceFrame(evidence: Evidence): FrameParts {
  return encodeFrame(codes.evidence, { evidence: encodeEvidence(evidence) })
}

/** @throws {ShoalError} `bad-frame` */
export function decodeEvidenceFrame(frame: Uint8Array): Evidence {
  const { code, header, payload } = splitFrame(frame)
  if (code !== codes.evidence) throw unknownCode(protocols.audit, code)
  requireNoPayload('evidence', payload)
  return decodeEvidence(readFields('evidence', header).bytes('evidence', receiptLimits.maxEvidenceBytes))
}
