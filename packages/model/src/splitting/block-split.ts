import type { ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { blockSizeOf, type MatrixKind, type NumericProfile } from '../packing/profile.ts'
import { apportion, rangeOf, sum } from './apportion.ts'
import { expertShare, splitExperts } from './expert-split.ts'

/**
 * How the ranks of a group share every block: counts by rank, which sum to the model's. Dense blocks are cut into heads and
 * columns; that split is part of the group's numeric class, because another split adds the same numbers in another order.
 * In models with experts, ranks share these, and each computes all the rest; such a split changes no bits.
 */
export interface BlockSplit {
  /** Query heads of each rank; empty where experts are shared. */
  readonly heads: readonly number[]
  /** Feed-forward columns of each rank; empty where experts are shared. */
  readonly columns: readonly number[]
  /** Experts of each rank; absent where heads and columns are shared. */
  readonly experts?: readonly number[]
}

/** Indices `[start, end)`. */
export interface IndexRange {
  readonly start: number
  readonly end: number
}

/** The part of every block that one rank computes. Ranks may share a key/value head; then each computes and stores it. */
export interface RankShare {
  readonly rank: number
  readonly ranks: number
  readonly heads: IndexRange
  readonly keyValueHeads: IndexRange
  readonly columns: IndexRange
  /** The experts that the rank has of each block; null where heads and columns are shared. */
  readonly experts: IndexRange | null
}

type Shape = Pick<ModelConfig, 'headCount' | 'keyValueHeadCount' | 'headSize' | 'feedForwardSize' | 'experts'>
type Blocks = Pick<NumericProfile, 'formats' | 'matrices'>

/** Feed-forward columns of a rank are a multiple of this where quantisation blocks do not ask for more: one vector register. */
const columnMultiple = 16

/** The smallest part of a block is one head, and a larger group would spend more time exchanging than computing. */
export const ranksMax = 64

/**
 * The split that loads ranks in proportion to `speeds`, as closely as alignment allows: a rank starts at a quantisation
 * block of the matrices that are cut along their inputs, and has whole groups of query heads that share a key/value head,
 * or a part of one such group.
 *
 * @param speeds by rank, positive; only their ratios count
 * @throws {ModelError} `bad-request` with the reason when the model cannot be split so
 */
export function splitBlocks(config: Shape, profile: Blocks, speeds: readonly number[]): BlockSplit {
  if (
    speeds.length === 0 ||
    speeds.length > ranksMax ||
    speeds.some((speed) => !Number.isFinite(speed) || speed <= 0)
  ) {
    throw new ModelError(
      'bad-request',
      `a group has 1 to ${ranksMax} ranks, each of a positive speed, not [${speeds.join(', ')}]`,
    )
  }
  if (config.experts !== undefined) return splitExperts(config.experts, speeds)
  if (speeds.length === 1) return { heads: [config.headCount], columns: [config.feedForwardSize] }
  return { heads: splitHeads(config, profile, speeds), columns: splitColumns(config, profile, speeds) }
}

/** @throws {ModelError} `bad-request` when the split is not one of this model */
export function rankShare(config: Shape, profile: Blocks, split: BlockSplit, rank: number): RankShare {
  if (config.experts !== undefined) return expertShare(config, config.experts, split, rank)
  const { heads, columns } = split
  const ranks = heads.length
  const refuse = (reason: string): never => {
    throw new ModelError(
      'bad-request',
      `the split heads [${heads.join(', ')}], columns [${columns.join(', ')}] does not fit this model: ${reason}`,
    )
  }
  if (
    ranks < 1 ||
    ranks > ranksMax ||
    columns.length !== ranks ||
    !Number.isInteger(rank) ||
    rank < 0 ||
    rank >= ranks
  )
    refuse(`rank ${rank} of ${ranks}`)
  if ([...heads, ...columns].some((count) => !Number.isSafeInteger(count) || count < 1))
    refuse('every rank has at least one of each')
  if (sum(heads) !== config.headCount || sum(columns) !== config.feedForwardSize)
    refuse(`it has ${config.headCount} heads and ${config.feedForwardSize} columns`)
  const { headSize } = config
  const groupSize = config.headCount / config.keyValueHeadCount
  const own = rangeOf(heads, rank)
  const ownColumns = rangeOf(columns, rank)
  const aligned = (index: number, unit: number, end: number): boolean => index === end || index % unit === 0
  const [attention, feedForward] = [inputUnit(profile, 'attention'), inputUnit(profile, 'feedForward')]
  if (!aligned(own.start * headSize, attention, config.headCount * headSize))
    refuse(`head ${own.start} does not start a block of ${attention} weights`)
  if (!aligned(ownColumns.start, feedForward, config.feedForwardSize))
    refuse(`column ${ownColumns.start} does not start a block of ${feedForward} weights`)
  const keyValueHeads = { start: Math.floor(own.start / groupSize), end: Math.ceil(own.end / groupSize) }
  const whole = own.start % groupSize === 0 && own.end % groupSize === 0
  if (!whole && keyValueHeads.end - keyValueHeads.start > 1)
    refuse(`rank ${rank} has parts of several groups of ${groupSize} heads`)
  return { rank, ranks, heads: own, keyValueHeads, columns: ownColumns, experts: null }
}

/** `8,8|3072,5120`: heads and columns, as they enter a group's numeric class; or `experts 64,64`. */
export function formatSplit({ heads, columns, experts }: BlockSplit): string {
  return experts === undefined ? `${heads.join(',')}|${columns.join(',')}` : `experts ${experts.join(',')}`
}

/** Inputs of matrices of a kind that share a scale; a cut must not separate them. */
function inputUnit(profile: Blocks, kind: MatrixKind): number {
  return Math.max(1, blockSizeOf(profile, kind))
}

function splitColumns({ feedForwardSize }: Shape, profile: Blocks, speeds: readonly number[]): number[] {
  const block = inputUnit(profile, 'feedForward')
  const floats = feedForwardSize >= columnMultiple * speeds.length ? columnMultiple : 1
  const unit = block === 1 ? floats : block
  const units = Math.ceil(feedForwardSize / unit)
  if (units < speeds.length)
    throw new ModelError(
      'bad-request',
      `${feedForwardSize} feed-forward columns are ${units} blocks of ${unit}, too few for ${speeds.length} ranks`,
    )
  return inUnits(apportion(units, speeds), unit, feedForwardSize)
}

function splitHeads(config: Shape, profile: Blocks, speeds: readonly number[]): number[] {
  const { headCount, keyValueHeadCount, headSize } = config
  const groupSize = headCount / keyValueHeadCount
  /** Heads between two possible cuts. */
  const block = inputUnit(profile, 'attention')
  const unit = block / greatestDivisor(block, headSize)
  const groupUnit = unit / greatestDivisor(unit, groupSize)
  const groupUnits = Math.ceil(keyValueHeadCount / groupUnit)
  if (groupUnits >= speeds.length)
    return inUnits(inUnits(apportion(groupUnits, speeds), groupUnit, keyValueHeadCount), groupSize, headCount)
  const partsOfGroup = Math.floor(groupSize / unit)
  if (groupSize % unit !== 0 || partsOfGroup * keyValueHeadCount < speeds.length) {
    const why = unit > 1 ? `; a block of ${block} weights spans ${unit} heads of ${headSize}` : ''
    throw new ModelError(
      'bad-request',
      `${headCount} heads over ${keyValueHeadCount} key/value heads cannot be split over ${speeds.length} ranks${why}`,
    )
  }
  return ranksByGroup(keyValueHeadCount, partsOfGroup, speeds).flatMap((group) =>
    inUnits(apportion(partsOfGroup, group), unit, groupSize),
  )
}

/**
 * Assigns to each key/value head a run of ranks, which share its query heads, so that the largest ratio of work to speed is
 * as small as possible.
 *
 * @returns the speeds of each group's ranks
 */
function ranksByGroup(groups: number, parts: number, speeds: readonly number[]): (readonly number[])[] {
  interface Best {
    readonly load: number
    readonly groups: (readonly number[])[]
  }
  const known = new Map<string, Best | null>()
  const loadOf = (ranks: readonly number[]): number =>
    Math.max(...apportion(parts, ranks).map((count, index) => count / (ranks[index] ?? 1)))
  const best = (group: number, from: number): Best | null => {
    if (group === groups) return from === speeds.length ? { load: 0, groups: [] } : null
    const key = `${group}/${from}`
    const found = known.get(key)
    if (found !== undefined) return found
    let least: Best | null = null
    for (let count = 1; count <= Math.min(parts, speeds.length - from); count += 1) {
      const rest = best(group + 1, from + count)
      if (rest === null) continue
      const own = speeds.slice(from, from + count)
      const load = Math.max(rest.load, loadOf(own))
      if (least === null || load < least.load) least = { load, groups: [own, ...rest.groups] }
    }
    known.set(key, least)
    return least
  }
  const found = best(0, 0)
  if (found === null)
    throw new ModelError('bad-request', `${speeds.length} ranks cannot share ${groups} key/value heads`)
  return found.groups
}

/** Turns counts of units into counts of items; the last unit may have fewer items. */
function inUnits(counts: readonly number[], unit: number, total: number): number[] {
  return counts.map(
    (_, rank) =>
      Math.min(total, sum(counts.slice(0, rank + 1)) * unit) -
      Math.min(total, sum(counts.slice(0, rank)) * unit),
  )
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}
