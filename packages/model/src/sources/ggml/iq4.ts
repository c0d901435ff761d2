import { halfAt } from './thirty-twos.ts'

/** The 16 values that a code of 4 bits stands for (`kvalues_iq4nl` of ggml), before scaling. */
export const iq4Values: Int8Array = Int8Array.from([
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
])

export function dequantiseIq4Nl(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  dequantiseCodes(bytes, at + 2, halfAt(bytes, at), values, to)
}

/** Eight groups of 32 values, each with a scale of 6 bits. */
export function dequantiseIq4Xs(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  for (let group = 0; group < 8; group++)
    dequantiseCodes(bytes, at + 8 + group * 16, iq4XsScale(bytes, at, group), values, to + group * 32)
}

/** The scale of a group of an IQ4_XS block. */
export function iq4XsScale(bytes: Uint8Array, at: number, group: number): number {
  const low = ((bytes[at + 4 + (group >> 1)] as number) >> (4 * (group & 1))) & 15
  const high = ((bytes[at + 2 + (group >> 2)] as number) >> (2 * (group & 3))) & 3
  return halfAt(bytes, at) * ((low | (high << 4)) - 32)
}

function dequantiseCodes(
  bytes: Uint8Array,
  at: number,
  scale: number,
  values: Float32Array,
  to: number,
): void {
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + j] as number
    values[to + j] = (iq4Values[byte & 15] as number) * scale
    values[to + j + 16] = (iq4Values[byte >> 4] as number) * scale
  }
}
