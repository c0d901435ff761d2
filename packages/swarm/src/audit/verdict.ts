import { sha256Hex } from '@shoal/model'
import {
  openReceipt,
  readReceipt,
  type Evidence,
  type Receipt,
  type SealedReceipt,
  type Verify,
} from '@shoal/protocol'

/**
 * Two results for one input, in one numeric class: one of both is wrong. `stage` computed in the session, `again` in the
 * audit.
 */
export interface Dispute {
  readonly stage: SealedReceipt
  readonly again: SealedReceipt
}

const equal = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index])

/**
 * Whether both receipts must have the same output: one input, the same blocks and weights, one numeric class. The session
 * and its epoch do not matter. Class `none` promises nothing. Pure.
 */
export function mustAgree(one: Receipt, other: Receipt): boolean {
  return (
    one.manifest === other.manifest &&
    one.numericClass === other.numericClass &&
    one.numericClass !== 'none' &&
    one.start === other.start &&
    one.end === other.end &&
    one.position === other.position &&
    equal(one.in, other.in)
  )
}

/** Whether two receipts that must agree do. Pure. */
export const agree = (one: Receipt, other: Receipt): boolean => equal(one.out, other.out)

/**
 * The first span in which a session and its repetition differ although both got the same rows. Later spans got rows of the
 * liar, and say nothing. Pure.
 */
export function findDispute(
  session: readonly SealedReceipt[],
  repetition: readonly SealedReceipt[],
): Dispute | null {
  const disputes = session.flatMap((stage) =>
    repetition.flatMap((again) =>
      mustAgree(stage.receipt, again.receipt) && !agree(stage.receipt, again.receipt)
        ? [{ stage, again }]
        : [],
    ),
  )
  return disputes.sort((one, other) => one.stage.receipt.start - other.stage.receipt.start)[0] ?? null
}

/**
 * The candidates in the order in which they are arbiters of a receipt. Neither the accuser nor the accused chooses it: it
 * follows from the accused's signature. Pure.
 */
export function arbitersOf(receipt: Uint8Array, candidates: readonly string[]): string[] {
  const places = new Map(candidates.map((peer) => [peer, placeOf(receipt, peer)]))
  return candidates.toSorted((one, other) => (places.get(one)! < places.get(other)! ? -1 : 1))
}

function placeOf(receipt: Uint8Array, peer: string): string {
  const name = new TextEncoder().encode(peer)
  const both = new Uint8Array(receipt.length + name.length)
  both.set(receipt)
  both.set(name, receipt.length)
  return sha256Hex(both)
}

/** One piece of evidence is one receipt of the guilty peer, whatever other receipts stand beside it. */
export const evidenceId = ({ receipts }: Evidence): string => sha256Hex(receipts[0] ?? new Uint8Array())

export interface Conviction {
  readonly guilty: Receipt
  /** The two peers that decided; empty where the guilty peer's own receipts do. */
  readonly arbiters: readonly string[]
}

/**
 * Checks evidence by its receipts alone, without a network. Who the arbiters had to be is checked by `arbitersAreThose`.
 * @returns null when it convicts nobody
 */
export async function convict({ kind, receipts }: Evidence, verify: Verify): Promise<Conviction | null> {
  const opened = await Promise.all(receipts.map((bytes) => openReceipt(bytes, verify)))
  const [guilty, ...others] = opened.map((sealed) => sealed?.receipt)
  if (guilty === undefined) return null
  const contradicted = others.every(
    (other) => other !== undefined && mustAgree(guilty, other) && !agree(guilty, other),
  )
  if (!contradicted) return null
  const witnesses = others.flatMap((other) => (other === undefined ? [] : [other]))
  if (kind === 'two-receipts') return witnesses[0]?.peer === guilty.peer ? { guilty, arbiters: [] } : null
  const peers = new Set([guilty.peer, ...witnesses.map(({ peer }) => peer)])
  const [first] = witnesses
  const unanimous = first !== undefined && witnesses.every((witness) => agree(first, witness))
  return unanimous && peers.size === witnesses.length + 1
    ? { guilty, arbiters: witnesses.slice(1).map(({ peer }) => peer) }
    : null
}

/**
 * Whether the arbiters of a piece of evidence are among those whom the guilty peer's receipt names. Pure.
 * @param holders peers that hold the blocks in that class, as the verifier sees them
 */
export function arbitersAreThose(
  { receipts }: Evidence,
  arbiters: readonly string[],
  holders: readonly string[],
  taken: number,
): boolean {
  const [guilty, other] = receipts.map((bytes) => readReceipt(bytes).peer)
  const candidates = holders.filter((peer) => peer !== guilty && peer !== other)
  const named = arbitersOf(receipts[0]!, candidates).slice(0, taken)
  return arbiters.every((peer) => named.includes(peer))
}
