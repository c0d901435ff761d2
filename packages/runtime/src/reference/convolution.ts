import type { BlockCache } from './attention.ts'
import type { ConvolutionSpec } from '@shoal/model'

/**
 * A short gated convolution of the last position; the cache grows by its input.
 * @param projected b, c and x side by side
 * @param weights float32 `[channels, taps]`
 * @returns `[channels]`
 */
export function convolve(
  { taps }: ConvolutionSpec,
  weights: Float32Array,
  { keys }: BlockCache,
  projected: Float32Array,
): Float32Array {
  const size = projected.length / 3
  keys.push(projected.slice(0, size).map((b, channel) => b * (projected[2 * size + channel] as number)))
  return projected.slice(size, 2 * size).map((c, channel) => {
    let sum = 0
    for (let tap = 0; tap < taps; tap += 1)
      sum += (weights[channel * taps + tap] as number) * (keys[keys.length - taps + tap]?.[channel] ?? 0)
    return c * sum
  })
}
