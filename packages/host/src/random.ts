/** Randomness. All packages above take it as an argument, so that a seed repeats a run. */
export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform in [0, 2^32). */
  uint32(): number
  /** Uniform in [0, 1), 32 bits. */
  unit(): number
}

/** Deterministic randomness for tests and simulation (SplitMix32: Steele, Lea, Flood, OOPSLA 2014, 32-bit variant). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const uint32 = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  return {
    uint32,
    unit: () => uint32() / 4294967296,
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let i = 0; i < length; i += 1) bytes[i] = uint32() & 0xff
      return bytes
    },
  }
}

/** `length` random bytes in lower-case hexadecimal, for session ids and request ids. */
export function randomHex(random: Random, length: number): string {
  return Array.from(random.bytes(length), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
