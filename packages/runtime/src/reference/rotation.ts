import type { BlockSpec } from '@shoal/model'
import { isLongSession } from '../rope-frequencies.ts'
import { ropeTables } from '../rope.ts'
import type { Rotation } from './attention.ts'

/** The rotation of every block of a span at one position of a session; blocks with the same rotary embedding share one. */
export type Rotations = (position: number, tokenBudget: number) => readonly Rotation[]

export function createRotations(blocks: readonly BlockSpec[]): Rotations {
  const keys = blocks.map(({ attention: { rope, headSize } }) => JSON.stringify([rope, headSize]))
  const distinct = [...new Set(keys)]
  const kinds = distinct.map((key) => rotationOf((blocks[keys.indexOf(key)] as BlockSpec).attention))
  return (position, tokenBudget) => {
    const rotations = kinds.map((kind) => kind(position, tokenBudget))
    return keys.map((key) => rotations[distinct.indexOf(key)] as Rotation)
  }
}

type RotationAt = (position: number) => Rotation

function rotationOf({
  rope,
  headSize,
}: BlockSpec['attention']): (position: number, tokenBudget: number) => Rotation {
  if (rope === null) return () => null
  const turning = { rope, headSize }
  /** Rotations by whether the session is long (LongRoPE has other factors for long sessions). */
  const known = new Map<boolean, RotationAt>()
  const create = (tokenBudget: number): RotationAt => {
    const keysAt = ropeTables(turning, tokenBudget)
    const queriesAt = rope.queryScale === undefined ? null : ropeTables(turning, tokenBudget, 'queries')
    return (position) => {
      const keys = keysAt(1, position)
      return { keys, queries: queriesAt === null ? keys : queriesAt(1, position) }
    }
  }
  return (position, tokenBudget) => {
    const isLong = isLongSession(rope, tokenBudget)
    const rotationAt = known.get(isLong) ?? create(tokenBudget)
    known.set(isLong, rotationAt)
    return rotationAt(position)
  }
}
