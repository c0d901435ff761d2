import { halfAt, signed } from './thirty-twos.ts'

/**
 * Super-blocks of 256 values (ggml's `block_q2_K` … `block_q6_K`): a float16 scale, in some types a float16 minimum, and
 * small integer scales for groups of 16 or 32 values.
 */

export function dequantiseQ2K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const [d, dmin] = [halfAt(bytes, at + 80), halfAt(bytes, at + 82)]
  for (let group = 0; group < 16; group++) {
    const packed = bytes[at + group] as number
    const [scale, minimum] = [d * (packed & 15), dmin * (packed >> 4)]
    const codes = at + 16 + (group >> 3) * 32 + (group & 1) * 16
    const shift = ((group >> 1) & 3) * 2
    for (let l = 0; l < 16; l++)
      values[to + group * 16 + l] = scale * (((bytes[codes + l] as number) >> shift) & 3) - minimum
  }
}

export function dequantiseQ3K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at + 108)
  for (let group = 0; group < 16; group++) {
    const low = bytes[at + 96 + (group & 7)] as number
    const high = ((bytes[at + 104 + (group & 3)] as number) >> (2 * (group >> 2))) & 3
    const scale = d * ((group < 8 ? low & 15 : low >> 4) + (high << 4) - 32)
    const side = (group & 1) * 16
    const codes = at + 32 + (group >> 3) * 32 + side
    const shift = ((group >> 1) & 3) * 2
    const mask = 1 << (group >> 1)
    for (let l = 0; l < 16; l++) {
      const code = ((bytes[codes + l] as number) >> shift) & 3
      const negative = ((bytes[at + side + l] as number) & mask) === 0
      values[to + group * 16 + l] = scale * (negative ? code - 4 : code)
    }
  }
}

export function dequantiseQ4K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const [d, dmin] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
  for (let group = 0; group < 8; group++) {
    const [scale, minimum] = [d * scaleOf(bytes, at + 4, group), dmin * minimumOf(bytes, at + 4, group)]
    const codes = at + 16 + (group >> 1) * 32
    const shift = (group & 1) * 4
    for (let l = 0; l < 32; l++)
      values[to + group * 32 + l] = scale * (((bytes[codes + l] as number) >> shift) & 15) - minimum
  }
}

/** Scale and minimum of a group of 32 in a Q4_K block: `code · scale - minimum` are its values. */
export function groupOfQ4K(bytes: Uint8Array, at: number, group: number): [scale: number, minimum: number] {
  return [
    halfAt(bytes, at) * scaleOf(bytes, at + 4, group),
    halfAt(bytes, at + 2) * minimumOf(bytes, at + 4, group),
  ]
}

export function dequantiseQ5K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const [d, dmin] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
  for (let group = 0; group < 8; group++) {
    const [scale, minimum] = [d * scaleOf(bytes, at + 4, group), dmin * minimumOf(bytes, at + 4, group)]
    const codes = at + 48 + (group >> 1) * 32
    const shift = (group & 1) * 4
    for (let l = 0; l < 32; l++) {
      const fifth = (((bytes[at + 16 + l] as number) >> group) & 1) << 4
      values[to + group * 32 + l] = scale * ((((bytes[codes + l] as number) >> shift) & 15) + fifth) - minimum
    }
  }
}

export function dequantiseQ6K(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at + 208)
  for (let half = 0; half < 2; half++) {
    for (let part = 0; part < 4; part++) {
      const low = at + half * 64 + (part & 1) * 32
      const high = at + 128 + half * 32
      const first = at + 192 + half * 8 + part * 2
      for (let l = 0; l < 32; l++) {
        const nibbles = bytes[low + l] as number
        const nibble = part < 2 ? nibbles & 15 : nibbles >> 4
        const code = (nibble | ((((bytes[high + l] as number) >> (2 * part)) & 3) << 4)) - 32
        values[to + half * 128 + part * 32 + l] = d * signed(bytes[first + (l >> 4)] as number) * code
      }
    }
  }
}

/** The 6-bit scale of group `j`: 8 scales and 8 minima lie in 12 bytes (`get_scale_min_k4` of ggml). */
function scaleOf(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return (bytes[at + j] as number) & 63
  return ((bytes[at + j + 4] as number) & 15) | (((bytes[at + j - 4] as number) >> 6) << 4)
}

function minimumOf(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return (bytes[at + j + 4] as number) & 63
  return ((bytes[at + j + 4] as number) >> 4) | (((bytes[at + j] as number) >> 6) << 4)
}
