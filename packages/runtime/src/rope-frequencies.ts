import type { RopeConfig, YarnScaling } from '@shoal/model'

/** The angle, in radians, by which each pair of channels turns from one position to the next. */
export type FrequenciesAt = (position: number) => Float64Array

/**
 * Frequencies (Su et al., arXiv 2104.09864) by position. They are the same at all positions, except with dynamic scaling,
 * whose base grows with the length that a position ends.
 *
 * @param dimensions channels of a head that turn
 * @param tokenBudget positions that the session may have; LongRoPE has other factors for long sessions
 */
export function frequenciesOf(rope: RopeConfig, dimensions: number, tokenBudget: number): FrequenciesAt {
  const { scaling } = rope
  if (scaling?.type === 'dynamic') {
    const { factor, originalContextLength } = scaling
    const growth = (length: number): number =>
      ((factor * length) / originalContextLength - (factor - 1)) ** (dimensions / (dimensions - 2))
    const original = plainFrequencies(rope.theta, dimensions)
    return (position) =>
      position < originalContextLength
        ? original
        : plainFrequencies(rope.theta * growth(position + 1), dimensions)
  }
  const frequencies = inverseFrequencies(rope, dimensions, tokenBudget)
  return () => frequencies
}

/** Whether a session of this token budget turns by the long factors of LongRoPE; all sessions turn alike without it. */
export function isLongSession({ scaling }: RopeConfig, tokenBudget: number): boolean {
  return scaling?.type === 'longrope' && tokenBudget > scaling.originalContextLength
}

function plainFrequencies(theta: number, dimensions: number): Float64Array {
  return Float64Array.from({ length: dimensions / 2 }, (_, pair) => theta ** (-(2 * pair) / dimensions))
}

/**
 * Frequencies that do not depend on the position.
 *
 * llama3 (Llama 3.1's config, `_compute_llama3_parameters` of transformers): wavelengths longer than
 * originalContextLength / lowFrequencyFactor turn `factor` times slower, those shorter than
 * originalContextLength / highFrequencyFactor stay, those between are blended linearly.
 */
export function inverseFrequencies(
  rope: RopeConfig,
  dimensions: number,
  tokenBudget: number = Number.POSITIVE_INFINITY,
): Float64Array {
  const plain = plainFrequencies(rope.theta, dimensions)
  const { scaling } = rope
  switch (scaling?.type) {
    case undefined:
    // Its original frequencies: those behind the original context depend on the position.
    case 'dynamic':
      return plain
    case 'linear':
      return plain.map((frequency) => frequency / scaling.factor)
    case 'factors':
      return divided(plain, scaling.factors)
    case 'longrope':
      return divided(plain, isLongSession(rope, tokenBudget) ? scaling.longFactors : scaling.shortFactors)
    case 'yarn':
      return yarnFrequencies(plain, scaling, rope.theta, dimensions)
    case 'llama3': {
      const { factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } = scaling
      return plain.map((frequency) => {
        const wavelength = (2 * Math.PI) / frequency
        if (wavelength < originalContextLength / highFrequencyFactor) return frequency
        if (wavelength > originalContextLength / lowFrequencyFactor) return frequency / factor
        const share =
          (originalContextLength / wavelength - lowFrequencyFactor) /
          (highFrequencyFactor - lowFrequencyFactor)
        return ((1 - share) * frequency) / factor + share * frequency
      })
    }
  }
}

function divided(plain: Float64Array, factors: readonly number[]): Float64Array {
  return plain.map((frequency, pair) => frequency / (factors[pair] as number))
}

/**
 * `_compute_yarn_parameters` of transformers: pairs that turn more than `betaFast` times in the original context stay, those
 * that turn less than `betaSlow` times are slowed by the factor, and those between are blended by their index.
 */
function yarnFrequencies(
  plain: Float64Array,
  { factor, betaFast, betaSlow, originalContextLength, truncate }: YarnScaling,
  theta: number,
  dimensions: number,
): Float64Array {
  const pairTurning = (turns: number): number =>
    (dimensions * Math.log(originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [fast, slow] = [pairTurning(betaFast), pairTurning(betaSlow)]
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0)
  const high = Math.min(truncate ? Math.ceil(slow) : slow, dimensions - 1)
  const width = low === high ? 0.001 : high - low
  return plain.map((frequency, pair) => {
    const slowed = Math.min(1, Math.max(0, (pair - low) / width))
    return (frequency / factor) * slowed + frequency * (1 - slowed)
  })
}

/** What cosines and sines are multiplied with. */
export function rotationScale({ scaling }: RopeConfig): number {
  return scaling?.type === 'yarn' || scaling?.type === 'longrope' ? scaling.attentionFactor : 1
}
