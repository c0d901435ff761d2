import type { AttentionSpec } from '@shoal/model'
import { isLongSession } from '../../rope-frequencies.ts'
import { ropeTables, turningPairs, type Turned, type Turning } from '../../rope.ts'
import { attentionInputs } from '../graph/attention.ts'
import { tensors, type Feeds } from './compute-session.ts'

/**
 * Cosines and sines of the rotary embedding for at least `positions` positions of a session with this token budget, as graph
 * inputs; none for blocks that do not rotate.
 */
export type Rotation = (positions: number, tokenBudget: number) => Feeds

/** The tables grow with the longest session so far, because those of a whole context of 128k positions take 33 MB. */
export function createRotation({ rope, headSize }: Pick<AttentionSpec, 'rope' | 'headSize'>): Rotation {
  if (rope === null) return () => ({})
  const turning = { rope, headSize }
  const { cosines, sines, queryCosines, querySines } = attentionInputs
  const keys = growingTables(turning, 'keys', cosines, sines)
  if (rope.queryScale === undefined) return keys
  const queries = growingTables(turning, 'queries', queryCosines, querySines)
  return (positions, tokenBudget) => ({ ...keys(positions, tokenBudget), ...queries(positions, tokenBudget) })
}

function growingTables(turning: Turning, turned: Turned, cosines: string, sines: string): Rotation {
  /** Tables by whether the session is long (LongRoPE has other factors for long sessions). */
  const known = new Map<boolean, { readonly positions: number; readonly feeds: Feeds }>()
  return (positions, tokenBudget) => {
    const isLong = isLongSession(turning.rope, tokenBudget)
    const found = known.get(isLong)
    if (found !== undefined && positions <= found.positions) return found.feeds
    const tablesOf = ropeTables(turning, tokenBudget, turned)
    const tables = tablesOf(Math.max(256, 2 ** Math.ceil(Math.log2(positions))))
    const shape = [tables.positions, turningPairs(turning)]
    const feeds = {
      [cosines]: tensors.float32(tables.cosines, shape),
      [sines]: tensors.float32(tables.sines, shape),
    }
    known.set(isLong, { positions: tables.positions, feeds })
    return feeds
  }
}

/** Rotary embeddings for the blocks of a span. Blocks with the same parameters share their tables. */
export function createRotations(): (attention: AttentionSpec) => Rotation {
  const known = new Map<string, Rotation>()
  return ({ rope, headSize }) => {
    const key = JSON.stringify([rope, headSize])
    const rotation = known.get(key) ?? createRotation({ rope, headSize })
    known.set(key, rotation)
    return rotation
  }
}
