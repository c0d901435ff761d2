/**
 * The values of 8-bit floats by their bits: sign 1, exponent 4 (bias 7), fraction 3; no infinities, and the two codes with all
 * other bits set are NaN (E4M3FN of arXiv 2209.05433).
 */
export const float8Values: Float32Array = Float32Array.from({ length: 256 }, (_, code) => {
  const exponent = (code >> 3) & 15
  const fraction = code & 7
  if ((code & 127) === 127) return Number.NaN
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7)
  return code < 128 ? magnitude : -magnitude
})
