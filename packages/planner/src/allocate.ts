import { candidateAt, stageMicros, type Cluster } from './cluster.ts'

/** Blocks of each member of a set, with what that costs. */
export interface Allocation {
  /** Aligned with the set that was asked for. */
  readonly blocks: readonly number[]
  /** One token of one user: all stages and all hops, the return included. */
  readonly tokenMicros: number
  /** Between two tokens of a full pipeline: its slowest stage. */
  readonly periodMicros: number
}

/**
 * Time per token of each of `users` who share the pipeline: either a token's way through it, or the users' turns at its
 * slowest stage. One user makes this latency, very many make it throughput.
 */
export function sharedMicros({ tokenMicros, periodMicros }: Pick<Allocation, 'tokenMicros' | 'periodMicros'>, users: number): number {
  return Math.max(tokenMicros, users * periodMicros)
}

/**
 * The best way to cut the model over exactly these candidates, each with at least one block; undefined when they cannot
 * hold it. Blocks cost the same everywhere in a model, so only their numbers matter, and given a bound on each stage
 * the fastest members take as many as they may. A looser bound never lengthens a token's way and never shortens the
 * period, so the best bound is found by halving.
 * @param cycleMicros all hops of the set, the return included
 */
export function allocate(cluster: Cluster, set: readonly number[], cycleMicros: number, users: number): Allocation | undefined {
  const fastestFirst = set.map((_, position) => position).sort((a, b) => speedAt(a) - speedAt(b) || a - b)
  function speedAt(position: number): number {
    return candidateAt(cluster, set[position] ?? -1).blockMicros
  }
  const within = (boundMicros: number): Allocation | undefined => allocateWithin(cluster, set, fastestFirst, cycleMicros, boundMicros)

  const loosest = within(Number.MAX_SAFE_INTEGER)
  if (loosest === undefined || users <= 1) return loosest
  let low = 0
  let high = loosest.periodMicros
  // The smallest bound under which the users' turns are no shorter than a token's way.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const allocation = within(middle)
    if (allocation === undefined || allocation.tokenMicros > users * middle) low = middle
    else high = middle
  }
  return [within(low), within(high), loosest].reduce((best, other) => (best === undefined || (other !== undefined && isBetter(other, best, users)) ? other : best))
}

function isBetter(a: Allocation, b: Allocation, users: number): boolean {
  return sharedMicros(a, users) - sharedMicros(b, users) < 0 || (sharedMicros(a, users) === sharedMicros(b, users) && a.tokenMicros < b.tokenMicros)
}

function allocateWithin(cluster: Cluster, set: readonly number[], fastestFirst: readonly number[], cycleMicros: number, boundMicros: number): Allocation | undefined {
  const blocks = set.map(() => 1)
  let missing = cluster.costs.blockCount - set.length
  if (missing < 0) return undefined
  let tokenMicros = cycleMicros + set.length * stageMicros
  let periodMicros = 0
  for (const position of fastestFirst) {
    const { capacity, blockMicros } = candidateAt(cluster, set[position] ?? -1)
    const most = Math.min(capacity, Math.floor((boundMicros - stageMicros) / blockMicros))
    if (most < 1) return undefined
    const taken = Math.min(most, 1 + missing)
    missing -= taken - 1
    blocks[position] = taken
    tokenMicros += taken * blockMicros
    periodMicros = Math.max(periodMicros, taken * blockMicros + stageMicros)
  }
  return missing === 0 ? { blocks, tokenMicros, periodMicros } : undefined
}
