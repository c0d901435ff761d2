/**
 * Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): randomness as a pure function
 * of a counter and a key. A replay, a verification or a speculative step draws the same without any state.
 *
 * @param counter four unsigned 32-bit words
 * @param key two unsigned 32-bit words
 * @returns four unsigned 32-bit words
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0)
    const [high1, low1] = multiply(0xcd9e8d57, c2)
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** High and low words of the 64-bit product. The high one needs 16-bit halves: doubles hold 53 bits. */
function multiply(a: number, b: number): [high: number, low: number] {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16)
  const middle2 = aLow * bHigh + (middle % 0x10000)
  const high = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middle2 / 0x10000)
  return [high >>> 0, Math.imul(a, b) >>> 0]
}

/**
 * A number in `[0, 1)` with 53 random bits for (seed, position).
 * @param seed unsigned 32 bits
 * @param position of the token in its sequence
 */
export function uniformAt(seed: number, position: number): number {
  const [high, low] = philox([position >>> 0, Math.floor(position / 0x1_0000_0000), 0, 0], [seed >>> 0, 0])
  return ((high >>> 5) * 0x400_0000 + (low >>> 6)) / 2 ** 53
}
