import type { AttentionSpec, RopeConfig } from '@shoal/model'

/** Cosines and sines, float32 `[positions, headSize / 2]` each, row-major. */
export interface RopeTables {
  readonly positions: number
  readonly cosines: Float32Array<ArrayBuffer>
  readonly sines: Float32Array<ArrayBuffer>
}

/**
 * The angle, in radians, by which each pair of channels turns from one position to the next (Su et al., arXiv 2104.09864).
 *
 * llama3 (Llama 3.1's config, `_compute_llama3_parameters` of transformers): wavelengths longer than
 * originalContextLength / lowFrequencyFactor turn `factor` times slower, those shorter than
 * originalContextLength / highFrequencyFactor stay, those between are blended linearly.
 */
export function inverseFrequencies(rope: RopeConfig, headSize: number): Float64Array {
  const plain = Float64Array.from(
    { length: headSize / 2 },
    (_, pair) => rope.theta ** (-(2 * pair) / headSize),
  )
  const { scaling } = rope
  if (scaling === null) return plain
  if (scaling.type === 'linear') return plain.map((frequency) => frequency / scaling.factor)
  if (scaling.type === 'factors')
    return plain.map((frequency, pair) => frequency / (scaling.factors[pair] as number))
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } = scaling
  return plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < originalContextLength / highFrequencyFactor) return frequency
    if (wavelength > originalContextLength / lowFrequencyFactor) return frequency / factor
    const share =
      (originalContextLength / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
    return ((1 - share) * frequency) / factor + share * frequency
  })
}

/** Tables for positions `[0, positions)`. They are computed in float64 and rounded once, so that every peer has the same bits. */
export function ropeTables(
  attention: Pick<AttentionSpec, 'rope' | 'headSize'>,
  positions: number,
): RopeTables {
  const frequencies = inverseFrequencies(attention.rope, attention.headSize)
  const cosines = new Float32Array(positions * frequencies.length)
  const sines = new Float32Array(positions * frequencies.length)
  for (let position = 0; position < positions; position += 1) {
    frequencies.forEach((frequency, pair) => {
      const at = position * frequencies.length + pair
      cosines[at] = Math.cos(position * frequency)
      sines[at] = Math.sin(position * frequency)
    })
  }
  return { positions, cosines, sines }
}
