/** A running checksum over float32 arrays, bit for bit and in order. */
export interface Checksum {
  add(values: Float32Array): void
  /** 16 hexadecimal digits. */
  readonly value: string
}

/**
 * Two FNV-1a lanes over 32-bit words with different starts. The checksum finds mistakes only: a gap, a repeated frame,
 * a torn copy. Encryption protects the bytes in transit, and a lying peer would compute the checksum of its lie.
 */
export function createChecksum(): Checksum {
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  return {
    add(values) {
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
      for (let index = 0; index < words.length; index += 1) {
        const word = words[index]!
        low = Math.imul(low ^ word, 0x01000193)
        high = Math.imul((high << 5) | (high >>> 27), 0x85ebca6b) ^ word
      }
    },
    get value() {
      return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
    },
  }
}
