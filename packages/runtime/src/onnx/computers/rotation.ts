import type { AttentionSpec } from '@shoal/model'
import { ropeTables, type RopeTables } from '../../rope.ts'
import { attentionInputs } from '../graph/attention.ts'
import { tensors, type Feeds } from './inference-session.ts'

/** Cosines and sines of the rotary embedding for at least `positions` positions, as graph inputs. */
export type Rotation = (positions: number) => Feeds

/** The tables grow with the longest session so far, because those of a whole context of 128k positions take 33 MB. */
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
