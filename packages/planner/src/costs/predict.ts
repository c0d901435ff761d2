import type { SnapshotMember } from '@shoal/membership'
import type { GroupOf } from '../groups/grouping.ts'
import type { PlannerSnapshot } from '../snapshot.ts'
import { decodeMicros, planningPast } from './compute.ts'
import { hopMicros } from './links.ts'
import { stageMicros } from './stage.ts'

/** A span that a peer is to hold, or that a route uses at a peer. */
export interface Placement {
  readonly peer: string
  readonly start: number
  readonly end: number
  /** The group that computes these blocks; `peer` leads it. Absent for a single peer. */
  readonly group?: GroupOf
}

export interface PredictOptions {
  /** Length of the prompt for which the time to the first token is predicted. Default: 256. */
  readonly promptTokens?: number | undefined
  /** Length of the KV cache behind which a token is decoded, in positions. Default: 512. */
  readonly past?: number
}

export interface Prediction {
  /** Time per output token of one user. */
  readonly tpotMicros: number
  /** Time from a prompt of `promptTokens` to the first token. */
  readonly ttftMicros: number
  readonly promptTokens: number
  /** Time between two tokens when the pipeline is full: that of its slowest stage. */
  readonly periodMicros: number
  /** Rate of many users together, when decode steps are not batched. */
  readonly tokensPerSecond: number
}

/** Rows that travel together in a prefill, as the session package cuts them. */
const chunkRows = 128

/**
 * Predicts what a route would do:
 *
 *     TPOT = Σ stages (blocks · µs/block + `stageMicros`) + Σ hops (rtt/2 + row/bandwidth + `frameMicros`),
 *            the return hop included
 *     TTFT = first chunk through all stages and hops + (chunks − 1) · slowest stage of a chunk
 *
 * The coordinator is assumed at the first stage: wherever it really is, it adds about the same to every plan.
 */
export function predict(
  snapshot: PlannerSnapshot,
  route: readonly Placement[],
  { promptTokens = 256, past = planningPast }: PredictOptions = {},
): Prediction {
  const { rowBytes } = snapshot.costs
  const stages = stagesOf(snapshot, route)
  const rows = Math.min(chunkRows, promptTokens)
  const chunks = Math.ceil(promptTokens / chunkRows)
  const decode = stages.map(
    ({ member, blocks }) => blocks * decodeMicros(member.hardware, past) + stageMicros,
  )
  const prefill = stages.map(
    ({ member, blocks }) =>
      blocks * rows * Math.max(1, member.hardware.prefillMicrosPerRowBlock) + stageMicros,
  )
  const tpotMicros = sum(decode) + ringMicros(stages, rowBytes)
  const periodMicros = Math.max(0, ...decode)
  return {
    tpotMicros,
    ttftMicros: sum(prefill) + ringMicros(stages, rows * rowBytes) + (chunks - 1) * Math.max(0, ...prefill),
    promptTokens,
    periodMicros,
    tokensPerSecond: periodMicros === 0 ? 0 : 1_000_000 / periodMicros,
  }
}

export interface TokenOptions {
  /** Peer id of the coordinator, which must be in the snapshot with its links. */
  readonly from: string
  /** Length of the KV cache behind which the token is decoded, in positions. */
  readonly past: number
}

/**
 * Predicts the time of one token along a route: its stages, and its hops from the coordinator and back. The coordinator's
 * own work on a token (head, sampling) is not part of it.
 */
export function tokenMicros(
  snapshot: PlannerSnapshot,
  route: readonly Placement[],
  { from, past }: TokenOptions,
): number {
  const { rowBytes } = snapshot.costs
  const origin = memberOf(snapshot, from)
  const stages = stagesOf(snapshot, route)
  const compute = sum(
    stages.map(({ member, blocks }) => blocks * decodeMicros(member.hardware, past) + stageMicros),
  )
  const stops = [origin, ...stages.map(({ member }) => member), origin]
  return (
    compute + sum(stops.slice(1).map((member, index) => hopMicros(stops[index] ?? member, member, rowBytes)))
  )
}

function stagesOf(
  snapshot: PlannerSnapshot,
  route: readonly Placement[],
): { readonly member: SnapshotMember; readonly blocks: number }[] {
  return route.map(({ peer, start, end }) => ({ member: memberOf(snapshot, peer), blocks: end - start }))
}

function memberOf(snapshot: PlannerSnapshot, peer: string): SnapshotMember {
  const member = snapshot.members.find(({ peerId }) => peerId === peer)
  if (member === undefined) throw new Error(`the route uses ${peer}, which is not in the snapshot`)
  return member
}

function ringMicros(stages: readonly { readonly member: SnapshotMember }[], bytes: number): number {
  return sum(
    stages.map(({ member }, index) =>
      hopMicros(member, (stages[(index + 1) % stages.length] ?? { member }).member, bytes),
    ),
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
