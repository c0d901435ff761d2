/** Twice the values of 4-bit floats (sign, two bits of exponent, one of fraction; `kvalues_mxfp4` of ggml). */
export const mxfp4Doubles: Int8Array = Int8Array.from([
  0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
])

/** What {@link mxfp4Doubles} are multiplied with: half of the power of two whose exponent the block's first byte holds. */
export function mxfp4Scale(bytes: Uint8Array, at: number): number {
  const exponent = bytes[at] as number
  return exponent === 255 ? Number.NaN : 2 ** (exponent - 128)
}

/** 32 values of the OCP Microscaling format MXFP4, version 1.0. */
export function dequantiseMxfp4(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const scale = mxfp4Scale(bytes, at)
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + 1 + j] as number
    values[to + j] = (mxfp4Doubles[byte & 15] as number) * scale
    values[to + j + 16] = (mxfp4Doubles[byte >> 4] as number) * scale
  }
}
