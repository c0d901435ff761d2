import type { SnapshotMember } from '@shoal/membership'
import { decodeMicros, planningPast } from '../costs/compute.ts'
import { blocksThatFit, type ModelCosts } from '../costs/costs.ts'
import { hopMicros } from '../costs/links.ts'
import { contextTokensOf, type PlannerSnapshot } from '../snapshot.ts'

/** A node that a plan may use. */
export interface Candidate {
  readonly member: SnapshotMember
  /** How many blocks fit its memory. */
  readonly capacity: number
  /** Time of one row through one block. */
  readonly blockMicros: number
}

/** A snapshot in the form in which the search reads it. Candidates are known by index; all times are integer microseconds. */
export interface Cluster {
  /** In order of their peer ids. */
  readonly candidates: readonly Candidate[]
  readonly snapshot: PlannerSnapshot
  readonly costs: ModelCosts
  /** How many users share the pipeline that is searched for. */
  readonly users: number
  /** Time of one row from one candidate to another. */
  hop(from: number, to: number): number
}

/**
 * The members that take work: those that serve or join and have memory for a block.
 * @param blocksLeast of a member that counts: 0 for those that may be ranks of a group whose blocks no member holds alone
 */
export function createCluster(snapshot: PlannerSnapshot, users = 1, blocksLeast = 1): Cluster {
  const { costs } = snapshot
  const contextTokens = contextTokensOf(snapshot)
  const candidates = snapshot.members
    .filter((member) => member.state === 'serving' || member.state === 'joining')
    .map((member): Candidate => ({
      member,
      capacity: blocksThatFit(member.hardware.memoryBytes, costs, contextTokens),
      blockMicros: decodeMicros(member.hardware, planningPast),
    }))
    .filter(({ capacity }) => capacity >= blocksLeast)
    .sort((a, b) => (a.member.peerId < b.member.peerId ? -1 : 1))
  const rows: Float64Array[] = []
  return {
    candidates,
    snapshot,
    costs,
    users,
    // Cached by row: a search reads the same hops very often, and most rows of a large swarm never.
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

/** @throws {Error} for an index out of range, which is a bug of the caller */
export function candidateAt(cluster: Cluster, index: number): Candidate {
  const candidate = cluster.candidates[index]
  if (candidate === undefined) throw new Error(`there is no candidate ${index}`)
  return candidate
}
