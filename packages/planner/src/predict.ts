import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { stageMicros } from './cluster.ts'
import { decodeMicros, planningPast } from './compute.ts'
import type { ModelCosts } from './costs.ts'
import type { GroupOf } from './group-nodes.ts'
import { hopMicros } from './links.ts'

/** A span as somebody is to hold it, or as a route uses it. */
export interface Placement {
  readonly peer: string
  readonly start: number
  readonly end: number
  /** Others that compute these blocks with `peer`, which leads them. */
  readonly group?: GroupOf
}

export interface Prediction {
  /** Time per output token of one user. */
  readonly tpotMicros: number
  /** Time to the first token of a prompt of `promptTokens`. */
  readonly ttftMicros: number
  readonly promptTokens: number
  /** Between two tokens when the pipeline is full: its slowest stage. */
  readonly periodMicros: number
  /** Of many users together, decode steps not batched. */
  readonly tokensPerSecond: number
}

/** Rows that travel together in a prefill: as session cuts them. */
const chunkRows = 128

/**
 * What a route would do:
 *
 *     TPOT = Σ stages (blocks · µs/block + overhead) + Σ hops (rtt/2 + row/bandwidth), the return hop included
 *     TTFT = first chunk through all stages and hops + (chunks − 1) · slowest stage of a chunk
 *
 * The coordinator is taken to be at the first stage: wherever it is, it adds the same to every plan.
 * @param past positions that a token is decoded behind
 */
export function predict(
  snapshot: Snapshot,
  costs: ModelCosts,
  route: readonly Placement[],
  promptTokens = 256,
  past = planningPast,
): Prediction {
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
  const tpotMicros = sum(decode) + ringMicros(stages, costs.rowBytes)
  const periodMicros = Math.max(0, ...decode)
  return {
    tpotMicros,
    ttftMicros:
      sum(prefill) + ringMicros(stages, rows * costs.rowBytes) + (chunks - 1) * Math.max(0, ...prefill),
    promptTokens,
    periodMicros,
    tokensPerSecond: periodMicros === 0 ? 0 : 1_000_000 / periodMicros,
  }
}

/**
 * One token along a route that somebody uses now, behind `past` positions: its stages and its hops, from `from` and back.
 * What `from` itself does with a token (head, sampling) is its own to add.
 * @param from in the snapshot, with its links
 */
export function tokenMicros(
  snapshot: Snapshot,
  costs: ModelCosts,
  route: readonly Placement[],
  from: string,
  past: number,
): number {
  const origin = memberOf(snapshot, from)
  const stages = stagesOf(snapshot, route)
  const compute = sum(
    stages.map(({ member, blocks }) => blocks * decodeMicros(member.hardware, past) + stageMicros),
  )
  const stops = [origin, ...stages.map(({ member }) => member), origin]
  return (
    compute +
    sum(stops.slice(1).map((member, index) => hopMicros(stops[index] ?? member, member, costs.rowBytes)))
  )
}

function stagesOf(
  snapshot: Snapshot,
  route: readonly Placement[],
): { readonly member: SnapshotMember; readonly blocks: number }[] {
  return route.map(({ peer, start, end }) => ({ member: memberOf(snapshot, peer), blocks: end - start }))
}

function memberOf(snapshot: Snapshot, peer: string): SnapshotMember {
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
