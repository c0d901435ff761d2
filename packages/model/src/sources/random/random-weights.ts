/** Fills arrays with random weights. One generator per tensor: its values depend on (seed, tensor) alone. */
export interface WeightGenerator {
  /** `mean + deviation · t`, `t` triangular in (-√6, √6) with standard deviation 1, rounded to bfloat16. */
  fillBfloat16(out: Uint16Array, mean: number, deviation: number): void
  /** The same values before rounding, as float32. */
  fillFloat32(out: Float32Array, mean: number, deviation: number): void
}

/**
 * xoshiro128++ (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021), seeded by splitmix32.
 * The sum of the two 16-bit halves of each word has a triangular distribution, which is close enough to a normal one and
 * fast: a thousand million values take seconds.
 *
 * @param seed unsigned 32 bits
 * @param stream unsigned 32 bits: different tensors of one model
 */
export function createWeightGenerator(seed: number, stream: number): WeightGenerator {
  const state = new Uint32Array(4)
  const mix = splitmix32(splitmix32(seed)() ^ Math.imul(stream + 1, 0x9e3779b9))
  for (let index = 0; index < 4; index++) state[index] = mix()
  const scratch = new Float32Array(1 << 16)
  const fill = (out: Float32Array, mean: number, deviation: number): void =>
    fillTriangular(out, state, mean, deviation)
  return {
    fillFloat32: fill,
    fillBfloat16: (out, mean, deviation) => {
      const words = new Uint32Array(scratch.buffer)
      for (let start = 0; start < out.length; start += scratch.length) {
        const count = Math.min(scratch.length, out.length - start)
        fill(count === scratch.length ? scratch : scratch.subarray(0, count), mean, deviation)
        for (let i = 0; i < count; i++) {
          const word = words[i] as number
          // Round to nearest even on the upper half; the values are finite and far from overflow.
          out[start + i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
        }
      }
    },
  }
}

function fillTriangular(out: Float32Array, state: Uint32Array, mean: number, deviation: number): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number]
  a |= 0
  b |= 0
  c |= 0
  d |= 0
  // Two uniform halves in [-32768, 32767]: variance of the sum = 2 · 65536² / 12.
  const factor = deviation / (65536 / Math.sqrt(6))
  for (let i = 0; i < out.length; i++) {
    const sum = (a + d) | 0
    const word = (((sum << 7) | (sum >>> 25)) + a) | 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    out[i] = mean + factor * ((word >> 16) + ((word << 16) >> 16) + 1)
  }
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

function splitmix32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let word = state ^ (state >>> 16)
    word = Math.imul(word, 0x21f0aaad)
    word ^= word >>> 15
    word = Math.imul(word, 0x735a2d97)
    return (word ^ (word >>> 15)) >>> 0
  }
}
