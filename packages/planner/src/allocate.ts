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
export function sharedMicros(
  { tokenMicros, periodMicros }: Pick<Allocation, 'tokenMicros' | 'periodMicros'>,
  users: number,
): number {
  return Math.max(tokenMicros, users * periodMicros)
}

/**
 * The best way to cut the model over exactly these candidates, each with at least one block; undefined when they cannot
 * hold it. Blocks cost the same everywhere in a model, so only their numbers matter, and given a bound on each stage
 * the fastest members take as many as they may. A looser bound never lengthens a token's way and never shortens the
 * period, so the best bound is found by halving.
 * @param cycleMicros all hops of the set, the return included
 * @param atMostMicros undefined also when every cut costs more: known after one bound instead of some twenty
 */
export function allocate(
  cluster: Cluster,
  set: readonly number[],
  cycleMicros: number,
  users: number,
  atMostMicros = Number.MAX_SAFE_INTEGER,
): Allocation | undefined {
  const missing = cluster.costs.blockCount - set.length
  if (missing < 0) return undefined
  const members = fastestFirst(cluster, set)
  const hopsAndStages = cycleMicros + set.length * stageMicros
  const within = (boundMicros: number): Cut | undefined =>
    cutWithin(members, missing, hopsAndStages, boundMicros)

  const affordable = within(Math.floor(atMostMicros / users))
  if (affordable === undefined || affordable.tokenMicros > atMostMicros) return undefined
  const loosest = users <= 1 ? affordable : within(Number.MAX_SAFE_INTEGER)
  if (loosest === undefined || users <= 1) return loosest && inOrder(members, loosest)
  let low = 0
  let high = loosest.periodMicros
  // The smallest bound under which the users' turns are no shorter than a token's way.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const cut = within(middle)
    if (cut === undefined || cut.tokenMicros > users * middle) low = middle
    else high = middle
  }
  const best = [within(low), within(high)].reduce<Cut>(
    (found, other) => (other !== undefined && isBetter(other, found, users) ? other : found),
    loosest,
  )
  return inOrder(members, best)
}

function isBetter(a: Cut, b: Cut, users: number): boolean {
  const difference = sharedMicros(a, users) - sharedMicros(b, users)
  return difference < 0 || (difference === 0 && a.tokenMicros < b.tokenMicros)
}

/** A set as numbers alone: searches cut hundred thousands of them. */
interface Members {
  /** Where in the set the n-th fastest is. */
  readonly position: Uint16Array
  readonly capacity: Float64Array
  readonly blockMicros: Float64Array
}

interface Cut {
  /** Fastest first. */
  readonly blocks: Uint16Array
  readonly tokenMicros: number
  readonly periodMicros: number
}

function fastestFirst(cluster: Cluster, set: readonly number[]): Members {
  // A number for speed and place together sorts without a comparison function.
  const keys = new Float64Array(set.length)
  for (let position = 0; position < set.length; position += 1)
    keys[position] = candidateAt(cluster, set[position] ?? -1).blockMicros * placesMax + position
  keys.sort()
  const members = {
    position: new Uint16Array(set.length),
    capacity: new Float64Array(set.length),
    blockMicros: new Float64Array(set.length),
  }
  for (let rank = 0; rank < set.length; rank += 1) {
    const position = (keys[rank] ?? 0) % placesMax
    const { capacity, blockMicros } = candidateAt(cluster, set[position] ?? -1)
    members.position[rank] = position
    members.capacity[rank] = capacity
    members.blockMicros[rank] = blockMicros
  }
  return members
}

/** More than blocks in any model, and so than stages in any pipeline. */
const placesMax = 65_536

function cutWithin(
  { capacity, blockMicros }: Members,
  missing: number,
  hopsAndStages: number,
  boundMicros: number,
): Cut | undefined {
  const blocks = new Uint16Array(capacity.length)
  let left = missing
  let tokenMicros = hopsAndStages
  let periodMicros = 0
  for (let rank = 0; rank < capacity.length; rank += 1) {
    const micros = blockMicros[rank] ?? 0
    const most = Math.min(capacity[rank] ?? 0, Math.floor((boundMicros - stageMicros) / micros))
    if (most < 1) return undefined
    const taken = Math.min(most, 1 + left)
    left -= taken - 1
    blocks[rank] = taken
    tokenMicros += taken * micros
    periodMicros = Math.max(periodMicros, taken * micros + stageMicros)
  }
  return left === 0 ? { blocks, tokenMicros, periodMicros } : undefined
}

function inOrder({ position }: Members, { blocks, tokenMicros, periodMicros }: Cut): Allocation {
  const aligned = Array.from(blocks, () => 0)
  for (let rank = 0; rank < blocks.length; rank += 1) aligned[position[rank] ?? 0] = blocks[rank] ?? 0
  return { blocks: aligned, tokenMicros, periodMicros }
}
