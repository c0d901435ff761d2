import type { BlockSpec } from '@shoal/model'
import { inverseFrequencies, rotationScale } from '../rope.ts'
import type { Rotation } from './block.ts'

/** The rotation of every block of a span at one position; blocks with the same rotary embedding share one. */
export type Rotations = (position: number) => readonly Rotation[]

export function createRotations(blocks: readonly BlockSpec[]): Rotations {
  const keys = blocks.map(({ attention: { rope, headSize } }) => JSON.stringify([rope, headSize]))
  const distinct = [...new Set(keys)]
  const frequencies = distinct.map((key) => {
    const { rope, headSize } = (blocks[keys.indexOf(key)] as BlockSpec).attention
    return { own: inverseFrequencies(rope, headSize), scale: rotationScale(rope) }
  })
  return (position) => {
    const rotations = frequencies.map(({ own, scale }) => ({
      cosines: Float32Array.from(own, (frequency) => scale * Math.cos(position * frequency)),
      sines: Float32Array.from(own, (frequency) => scale * Math.sin(position * frequency)),
    }))
    return keys.map((key) => rotations[distinct.indexOf(key)] as Rotation)
  }
}
