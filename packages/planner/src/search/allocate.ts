import { stageMicros } from '../costs/stage.ts'
import { candidateAt, type Cluster } from './cluster.ts'

/** How many blocks each member of a set gets, and what that costs. */
export interface Allocation {
  /** In the order of the given set. */
  readonly blocks: readonly number[]
  /** Time of one user's token: all stages and all hops, the return hop included. */
  readonly tokenMicros: number
  /** Time between two tokens of a full pipeline: that of its slowest stage. */
  readonly periodMicros: number
}

/**
 * Time per token of each of the users who share a pipeline: the time of a token through all stages, or the users' turns
 * at the slowest stage, whichever is longer. For one user this cost is the latency, for very many it is the throughput.
 */
export function sharedMicros(
  { tokenMicros, periodMicros }: Pick<Allocation, 'tokenMicros' | 'periodMicros'>,
  users: number,
): number {
  return Math.max(tokenMicros, users * periodMicros)
}

/**
 * The best way to cut the model over exactly these candidates, each with at least one block. Blocks cost the same
 * everywhere in a model, so only their numbers matter, and under a bound on each stage's time the fastest members take as
 * many as they may. A looser bound never lengthens the time of a token and never shortens the period, so the best
 * bound is found by bisection.
 * @param cycleMicros time of all hops of the set, the return hop included
 * @param atMostMicros the cost to beat. If every cut costs more, one bound shows it, and the bisection of some twenty
 *   is saved
 * @returns undefined when the candidates cannot hold the model, or every cut costs more than `atMostMicros`
 */
export function allocate(
  cluster: Cluster,
  set: readonly number[],
  cycleMicros: number,
  atMostMicros = Number.MAX_SAFE_INTEGER,
): Allocation | undefined {
  const { users } = cluster
  const missing = cluster.costs.blockCount - set.length
  if (missing < 0) return undefined
  const members = fastestFirst(cluster, set)
  const hopsAndStages = cycleMicros + set.length * stageMicros
  const within = (boundMicros: number): Cut | undefined =>
    cutWithin(members, missing, hopsAndStages, boundMicros)

  const affordable = within(Math.floor(atMostMicros / users))
  if (affordable === undefined || affordable.tokenMicros > atMostMicros) return undefined
  const loosest = users <= 1 ? affordable : within(Number.MAX_SAFE_INTEGER)
  if (loosest === undefined || users <= 1) return loosest && inOrderOfSet(members, loosest)
  let low = 0
  let high = loosest.periodMicros
  // Looks for the smallest bound under which the users' turns are no shorter than the time of a token.
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
  return inOrderOfSet(members, best)
}

function isBetter(a: Cut, b: Cut, users: number): boolean {
  const difference = sharedMicros(a, users) - sharedMicros(b, users)
  return difference < 0 || (difference === 0 && a.tokenMicros < b.tokenMicros)
}

/** A set of candidates, fastest first; as typed arrays, because a search allocates hundreds of thousands of sets. */
interface Members {
  /** Index in the set of the n-th fastest member. */
  readonly position: Uint16Array
  readonly capacity: Float64Array
  readonly blockMicros: Float64Array
}

interface Cut {
  /** In the order of {@link Members}. */
  readonly blocks: Uint16Array
  readonly tokenMicros: number
  readonly periodMicros: number
}

function fastestFirst(cluster: Cluster, set: readonly number[]): Members {
  // One number holds speed and position, so that sorting needs no comparison function.
  const keys = new Float64Array(set.length)
  for (let position = 0; position < set.length; position += 1)
    keys[position] = candidateAt(cluster, set[position] ?? -1).blockMicros * positionsMax + position
  keys.sort()
  const members = {
    position: new Uint16Array(set.length),
    capacity: new Float64Array(set.length),
    blockMicros: new Float64Array(set.length),
  }
  for (let nth = 0; nth < set.length; nth += 1) {
    const position = (keys[nth] ?? 0) % positionsMax
    const { capacity, blockMicros } = candidateAt(cluster, set[position] ?? -1)
    members.position[nth] = position
    members.capacity[nth] = capacity
    members.blockMicros[nth] = blockMicros
  }
  return members
}

/** More than the blocks of any model, and so more than the stages of any pipeline. */
const positionsMax = 65_536

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
  for (let nth = 0; nth < capacity.length; nth += 1) {
    const micros = blockMicros[nth] ?? 0
    const most = Math.min(capacity[nth] ?? 0, Math.floor((boundMicros - stageMicros) / micros))
    if (most < 1) return undefined
    const taken = Math.min(most, 1 + left)
    left -= taken - 1
    blocks[nth] = taken
    tokenMicros += taken * micros
    periodMicros = Math.max(periodMicros, taken * micros + stageMicros)
  }
  return left === 0 ? { blocks, tokenMicros, periodMicros } : undefined
}

function inOrderOfSet({ position }: Members, { blocks, tokenMicros, periodMicros }: Cut): Allocation {
  const aligned = Array.from(blocks, () => 0)
  for (let nth = 0; nth < blocks.length; nth += 1) aligned[position[nth] ?? 0] = blocks[nth] ?? 0
  return { blocks: aligned, tokenMicros, periodMicros }
}
