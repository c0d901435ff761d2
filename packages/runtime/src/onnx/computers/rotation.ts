import type { AttentionSpec } from '@shoal/model'
import { ropeTables, type RopeTables } from '../../rope.ts'
import { attentionInputs } from '../graph/attention.ts'
import { tensors, type Feeds } from './inference-session.ts'

/** Rotation tables for at least so many positions, as graph inputs. */
export type Rotation = (positions: number) => Feeds

/** Tables as long as the longest session so far: for a context of 128k positions they would have 33 MB. */
export function createRotation(attention: Pick<AttentionSpec, 'rope' | 'headSize'>): Rotation {
  let tables: RopeTables = { positions: 0, cosines: new Float32Array(), sines: new Float32Array() }
  let feeds: Feeds = {}
  return (positions) => {
    if (positions > tables.positions) {
      tables = ropeTables(attention, Math.max(256, 2 ** Math.ceil(Math.log2(positions))))
      const shape = [tables.positions, attention.headSize / 2]
      feeds = {
        [attentionInputs.cosines]: tensors.float32(tables.cosines, shape),
        [attentionInputs.sines]: tensors.float32(tables.sines, shape),
      }
    }
    return feeds
  }
}

/** Rotations for the blocks of a span; blocks with the same rotary embedding share their tables. */
export function createRotations(): (attention: AttentionSpec) => Rotation {
  const known = new Map<string, Rotation>()
  return ({ rope, headSize }) => {
    const key = JSON.stringify([rope, headSize])
    const rotation = known.get(key) ?? createRotation({ rope, headSize })
    known.set(key, rotation)
    return rotation
  }
}
