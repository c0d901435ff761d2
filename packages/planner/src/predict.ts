import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { stageMicros } from './cluster.ts'
import type { ModelCosts } from './costs.ts'
import { hopMicros } from './links.ts'

/** A span as somebody is to hold it, or as a route uses it. */
export interface Placement {
  readonly peer: string
  readonly start: number
  readonly end: number
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
 */
export function predict(snapshot: Snapshot, costs: ModelCosts, route: readonly Placement[], promptTokens = 256): Prediction {
  const members = new Map(snapshot.members.map((member) => [member.peerId, member]))
  const stages = route.map(({ peer, start, end }) => {
    const member = members.get(peer)
    if (member === undefined) throw new Error(`the route uses ${peer}, which is not in the snapshot`)
    return { member, blocks: end - start }
  })
  const rows = Math.min(chunkRows, promptTokens)
  const chunks = Math.ceil(promptTokens / chunkRows)
  const decode = stages.map(({ member, blocks }) => blocks * Math.max(1, member.hardware.decodeMicrosPerBlock) + stageMicros)
  const prefill = stages.map(({ member, blocks }) => blocks * rows * Math.max(1, member.hardware.prefillMicrosPerRowBlock) + stageMicros)
  const tpotMicros = sum(decode) + ringMicros(stages, costs.rowBytes)
  const periodMicros = Math.max(0, ...decode)
  return {
    tpotMicros,
    ttftMicros: sum(prefill) + ringMicros(stages, rows * costs.rowBytes) + (chunks - 1) * Math.max(0, ...prefill),
    promptTokens,
    periodMicros,
    tokensPerSecond: periodMicros === 0 ? 0 : 1_000_000 / periodMicros,
  }
}

function ringMicros(stages: readonly { readonly member: SnapshotMember }[], bytes: number): number {
  return sum(stages.map(({ member }, index) => hopMicros(member, (stages[(index + 1) % stages.length] ?? { member }).member, bytes)))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
