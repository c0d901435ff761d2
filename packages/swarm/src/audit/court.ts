import type { Evidence, SealedReceipt } from '@shoal/protocol'
import { auditLimits } from './limits.ts'
import { agree, arbitersOf, mustAgree, type Dispute } from './verdict.ts'

export interface Court {
  /** Peers that may be arbiters: holders of the blocks in the class of the dispute, without the two parties and the accuser. */
  readonly candidates: readonly string[]
  /** Lets a peer compute the disputed rows. @returns its receipt; null when it gives none */
  ask(peer: string): Promise<SealedReceipt | null>
}

/**
 * Decides which of the two peers of a dispute computed wrongly. The accused is judged first; when the arbiters confirm it, the peer that computed again has accused it
 * falsely, stands accused itself, and gets arbiters of its own.
 * @returns null without two arbiters that agree: then nobody is convicted
 */
export async function settleDispute({ stage, again }: Dispute, court: Court): Promise<Evidence | null> {
  // An arbiter answers once, also when both receipts name it.
  const answers = new Map<string, Promise<SealedReceipt | null>>()
  const ask = (peer: string): Promise<SealedReceipt | null> => {
    const answer = answers.get(peer) ?? court.ask(peer)
    answers.set(peer, answer)
    return answer
  }
  const first = await judge(stage, again, court.candidates, ask)
  if (first !== 'confirmed') return first
  const second = await judge(again, stage, court.candidates, ask)
  return second === 'confirmed' ? null : second
}

/** @returns evidence against the accused, that it was confirmed, or null when no two arbiters agree */
async function judge(
  accused: SealedReceipt,
  other: SealedReceipt,
  candidates: readonly string[],
  ask: (peer: string) => Promise<SealedReceipt | null>,
): Promise<Evidence | 'confirmed' | null> {
  const against: SealedReceipt[] = []
  let confirming = 0
  for (const peer of arbitersOf(accused.bytes, candidates).slice(0, auditLimits.arbitersAsked)) {
    const answer = await ask(peer)
    if (answer === null || !mustAgree(answer.receipt, accused.receipt)) continue
    if (agree(answer.receipt, accused.receipt)) confirming += 1
    else if (agree(answer.receipt, other.receipt)) against.push(answer)
    if (confirming === 2) return 'confirmed'
    if (against.length === 2) {
      const receipts = [accused, other, ...against].map(({ bytes }) => bytes)
      return { kind: 'wrong-output', receipts }
    }
  }
  return null
}
