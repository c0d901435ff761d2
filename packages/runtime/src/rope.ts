import type { AttentionSpec, RopeConfig, YarnScaling } from '@shoal/model'

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
  if (scaling.type === 'yarn') return yarnFrequencies(plain, scaling, rope.theta, headSize)
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

/**
 * `_compute_yarn_parameters` of transformers: pairs that turn more than `betaFast` times in the original context stay, those
 * that turn less than `betaSlow` times are slowed by the factor, and those between are blended by their index.
 */
function yarnFrequencies(
  plain: Float64Array,
  { factor, betaFast, betaSlow, originalContextLength, truncate }: YarnScaling,
  theta: number,
  headSize: number,
): Float64Array {
  const pairTurning = (turns: number): number =>
    (headSize * Math.log(originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [fast, slow] = [pairTurning(betaFast), pairTurning(betaSlow)]
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0)
  const high = Math.min(truncate ? Math.ceil(slow) : slow, headSize - 1)
  const width = low === high ? 0.001 : high - low
  return plain.map((frequency, pair) => {
    const slowed = Math.min(1, Math.max(0, (pair - low) / width))
    return (frequency / factor) * slowed + frequency * (1 - slowed)
  })
}

/** What cosines and sines are multiplied with. */
export function rotationScale({ scaling }: RopeConfig): number {
  return scaling?.type === 'yarn' ? scaling.attentionFactor : 1
}

/** Tables for positions `[0, positions)`. They are computed in float64 and rounded once, so that every peer has the same bits. */
export function ropeTables(
  attention: Pick<AttentionSpec, 'rope' | 'headSize'>,
  positions: number,
): RopeTables {
  const frequencies = inverseFrequencies(attention.rope, attention.headSize)
  const scale = rotationScale(attention.rope)
  const cosines = new Float32Array(positions * frequencies.length)
  const sines = new Float32Array(positions * frequencies.length)
  for (let position = 0; position < positions; position += 1) {
    frequencies.forEach((frequency, pair) => {
      const at = position * frequencies.length + pair
      cosines[at] = scale * Math.cos(position * frequency)
      sines[at] = scale * Math.sin(position * frequency)
    })
  }
  return { positions, cosines, sines }
}
