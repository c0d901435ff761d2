import { trustLimits } from './limits.ts'

/** What can be seen of a peer that counts against it. */
export type Fault =
  /** It sent bytes of weights that do not have the hash of what was asked for. */
  | 'wrong-weights'
  /** It broke off, or did not answer, while weights were asked of it. */
  | 'failed-transfer'
  /** As a stage it sent NaN or infinite values, or an undecodable frame. */
  | 'wrong-rows'
  /** As a stage it did not answer in time, although it is here: it hangs, or takes sessions to hold others up. */
  | 'silence'
  /** Receipts prove that its results were wrong. */
  | 'wrong-results'
  /** Its results and those of another peer differ, and no arbiters have said whose are wrong. */
  | 'disputed-results'

/** What this peer has seen of another one. */
export interface Evidence {
  /** Bytes of weights received, wrong and doubled ones included. */
  readonly receivedBytes: number
  readonly faults: Readonly<Record<Fault, number>>
  /** Time of the newest fault of each kind, in milliseconds of the observer's clock; meaningless without one. */
  readonly lastMs: Readonly<Record<Fault, number>>
}

const none: Readonly<Record<Fault, number>> = {
  'wrong-weights': 0,
  'failed-transfer': 0,
  'wrong-rows': 0,
  silence: 0,
  'wrong-results': 0,
  'disputed-results': 0,
}

export const noEvidence: Evidence = { receivedBytes: 0, faults: none, lastMs: none }

export function withFault(evidence: Evidence, fault: Fault, nowMs: number): Evidence {
  return {
    ...evidence,
    faults: { ...evidence.faults, [fault]: evidence.faults[fault] + 1 },
    lastMs: { ...evidence.lastMs, [fault]: nowMs },
  }
}

/**
 * Milliseconds until the peer may be asked for weights; 0 when it may be asked now. One wrong piece may come from a bad
 * disk. From the second one on the peer is not asked for a while, and each further piece doubles that time. Pure.
 */
export function barredAsSourceForMs({ faults, lastMs }: Evidence, nowMs: number): number {
  const beyond = faults['wrong-weights'] - trustLimits.wrongWeightsUntilBarred
  const { sourceBarMs, sourceBarMsMax } = trustLimits
  return beyond < 0 ? 0 : leftMs(lastMs['wrong-weights'], sourceBarMs * 2 ** beyond, sourceBarMsMax, nowMs)
}

/**
 * Milliseconds for which routes avoid the peer as a stage; 0 when they need not. A broken memory chip spoils rows now
 * and then, so the time doubles with each fault. Pure.
 */
export function avoidedAsStageForMs(evidence: Evidence, nowMs: number): number {
  const { stageAvoidanceMs, stageAvoidanceMsMax, silenceMs } = trustLimits
  const forMs = (fault: Fault, firstMs: number): number =>
    doublingMs(evidence, fault, firstMs, stageAvoidanceMsMax, nowMs)
  return Math.max(
    forMs('wrong-rows', stageAvoidanceMs),
    forMs('disputed-results', stageAvoidanceMs),
    forMs('silence', silenceMs),
  )
}

/** Milliseconds for which plans and routes leave the peer out; 0 when they need not. Pure. */
export function bannedForMs(evidence: Evidence, nowMs: number): number {
  return doublingMs(evidence, 'wrong-results', trustLimits.banMs, trustLimits.banMsMax, nowMs)
}

function doublingMs(
  { faults, lastMs }: Evidence,
  fault: Fault,
  firstMs: number,
  maxMs: number,
  nowMs: number,
): number {
  const times = faults[fault]
  return times === 0 ? 0 : leftMs(lastMs[fault], firstMs * 2 ** (times - 1), maxMs, nowMs)
}

/** Sources with less of this are asked first. Wrong bytes weigh more than any number of lost connections. Pure. */
export function sourceDemerit({ faults }: Evidence): number {
  const weight = 1000
  return faults['wrong-weights'] * weight + Math.min(faults['failed-transfer'], weight - 1)
}

function leftMs(sinceMs: number, forMs: number, maxMs: number, nowMs: number): number {
  return Math.max(0, sinceMs + Math.min(forMs, maxMs) - nowMs)
}
