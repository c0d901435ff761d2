import type { Snapshot, SnapshotMember } from '@shoal/membership'
import { decodeMicros, planningPast } from './compute.ts'
import { blocksThatFit, type ModelCosts } from './costs.ts'
import { hopMicros } from './links.ts'

/** Per stage and step beside its blocks: a message to the compute thread and one back, and what the session does with the rows. Traced in quiet minutes (docs/log.md). */
export const stageMicros = 500

/** One node a plan may use. */
export interface Candidate {
  readonly member: SnapshotMember
  /** Blocks that fit in its memory. */
  readonly capacity: number
  /** One row through one block. */
  readonly blockMicros: number
}

/** A snapshot as the search sees it: candidates by index, in order of their peer ids. All times integer microseconds. */
export interface Cluster {
  readonly candidates: readonly Candidate[]
  readonly costs: ModelCosts
  /** One decode row from one candidate to another. */
  hop(from: number, to: number): number
}

/** Members that take work: not those that drain, have no memory, or have not measured themselves. */
export function createCluster(snapshot: Snapshot, costs: ModelCosts, contextTokens: number): Cluster {
  const candidates = snapshot.members
    .filter((member) => member.state === 'serving' || member.state === 'joining')
    .map((member): Candidate => ({
      member,
      capacity: blocksThatFit(member.hardware.memoryBytes, costs, contextTokens),
      blockMicros: decodeMicros(member.hardware, planningPast),
    }))
    .filter(({ capacity }) => capacity > 0)
    .sort((a, b) => (a.member.peerId < b.member.peerId ? -1 : 1))
  const rows: Float64Array[] = []
  return {
    candidates,
    costs,
    // Kept by row once asked for: a search asks for the same hops very often, and never for most rows of a large swarm.
    hop(from, to) {
      const row = (rows[from] ??= new Float64Array(candidates.length).fill(-1))
      const known = row[to] ?? -1
      if (known >= 0) return known
      const [a, b] = [candidates[from], candidates[to]]
      if (a === undefined || b === undefined) throw new Error(`there is no hop ${from} → ${to}`)
      return (row[to] = hopMicros(a.member, b.member, costs.rowBytes))
    },
  }
}

/** @throws {Error} for an index that is none: our bug */
export function candidateAt(cluster: Cluster, index: number): Candidate {
  const candidate = cluster.candidates[index]
  if (candidate === undefined) throw new Error(`there is no candidate ${index}`)
  return candidate
}
