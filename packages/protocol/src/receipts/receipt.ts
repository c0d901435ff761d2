import { decode, encode } from 'cborg'
import { ShoalError } from '@shoal/host'
import { isId } from '../fields.ts'
import { badFrame } from '../frame.ts'
import { limits } from '../limits.ts'
import { receiptLimits } from './limits.ts'

/**
 * A stage's signed statement: "in this session these rows came into my blocks, and those rows left them". Rows are named by
 * hashes that run from position 0 (`RowChain`), so two receipts for one input and one numeric class must agree.
 */
export interface Receipt {
  readonly manifest: string
  /** Numeric class of the stage: peers of one class compute the same bits. */
  readonly numericClass: string
  /** The stage that signs. */
  readonly peer: string
  readonly incarnation: number
  readonly session: string
  readonly epoch: number
  readonly start: number
  readonly end: number
  /** Rows `[0, position)` are covered. */
  readonly position: number
  /** How many of them were computed since the stage's receipt before this one. */
  readonly rows: number
  /** Running hash of the rows that came in. */
  readonly in: Uint8Array
  /** Running hash of the rows that went out. */
  readonly out: Uint8Array
}

/** A receipt with the bytes that prove it. */
export interface SealedReceipt {
  readonly receipt: Receipt
  readonly bytes: Uint8Array
}

/** Makes an Ed25519 signature by this peer's key. */
export type Sign = (bytes: Uint8Array) => Promise<Uint8Array>
/** Checks a signature against the key inside a peer id; false for anything malformed. */
export type Verify = (peerId: string, bytes: Uint8Array, signature: Uint8Array) => Promise<boolean>

const version = 1
/** Keeps a signature over a receipt from being one over anything else. */
const prefix = new TextEncoder().encode('shoal-receipt:1:')

/** @returns `signature ‖ body`; the body is the deterministic CBOR of a list that starts with the version */
export async function sealReceipt(receipt: Receipt, sign: Sign): Promise<Uint8Array> {
  const { manifest, numericClass, peer, incarnation, session, epoch, start, end, position, rows } = receipt
  const fields = [manifest, numericClass, peer, incarnation, session, epoch, start, end, position, rows]
  const body = encode([version, ...fields, receipt.in, receipt.out])
  return joined(await sign(joined(prefix, body)), body)
}

/** Reads a receipt without checking its signature. @throws {ShoalError} `bad-frame` */
export function readReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > receiptLimits.maxReceiptBytes)
    throw badFrame(`a receipt of ${bytes.length} bytes is over the limit of ${receiptLimits.maxReceiptBytes}`)
  const list = decodeList(bytes.subarray(limits.signatureBytes))
  const [manifest, numericClass, peer, incarnation, session, epoch, start, end, position, rows] =
    list.slice(1)
  const [into, out] = list.slice(11)
  if (list.length !== 13 || list[0] !== version) throw badFrame('a receipt must be a list of version 1')
  return {
    manifest: idOf('manifest', manifest),
    numericClass: idOf('numericClass', numericClass),
    peer: idOf('peer', peer),
    incarnation: integerOf('incarnation', incarnation),
    session: idOf('session', session),
    epoch: integerOf('epoch', epoch),
    start: integerOf('start', start),
    end: integerOf('end', end),
    position: integerOf('position', position),
    rows: integerOf('rows', rows),
    in: digestOf('in', into),
    out: digestOf('out', out),
  }
}

/** Reads a receipt and checks its signature. @returns null for a receipt that its peer did not sign */
export async function openReceipt(bytes: Uint8Array, verify: Verify): Promise<SealedReceipt | null> {
  let receipt: Receipt
  try {
    receipt = readReceipt(bytes)
  } catch (error) {
    if (error instanceof ShoalError) return null
    throw error
  }
  const signature = bytes.slice(0, limits.signatureBytes)
  const signed = joined(prefix, bytes.subarray(limits.signatureBytes))
  return (await verify(receipt.peer, signed, signature)) ? { receipt, bytes } : null
}

function decodeList(body: Uint8Array): readonly unknown[] {
  let value: unknown
  try {
    value = decode(body, { rejectDuplicateMapKeys: true })
  } catch (error) {
    throw new ShoalError('bad-frame', 'a receipt is not CBOR', { cause: error })
  }
  if (!Array.isArray(value)) throw badFrame('a receipt must be a list')
  return value
}

function idOf(name: string, value: unknown): string {
  if (!isId(value)) throw badFrame(`receipt: ${name} must be 1 to ${limits.maxIdLength} printable characters`)
  return value
}

function integerOf(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw badFrame(`receipt: ${name} must be an integer from 0`)
  return value
}

function digestOf(name: string, value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== receiptLimits.digestBytes)
    throw badFrame(`receipt: ${name} must be ${receiptLimits.digestBytes} bytes`)
  return value
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}
