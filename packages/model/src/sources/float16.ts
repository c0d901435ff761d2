/**
 * The float32 bits of every float16, by its bits: sign 1, exponent 5 (bias 15), fraction 10. Every float16 value,
 * subnormals included, is a float32. Made on first use.
 */
export function float16Bits(): Uint32Array {
  bitsTable ??= makeTable()
  return bitsTable
}

/** As {@link float16Bits}, as values. */
export function float16Values(): Float32Array {
  valuesTable ??= new Float32Array(float16Bits().buffer)
  return valuesTable
}

let bitsTable: Uint32Array | undefined
let valuesTable: Float32Array | undefined

function makeTable(): Uint32Array {
  const bits = new Uint32Array(1)
  const value = new Float32Array(bits.buffer)
  return Uint32Array.from({ length: 1 << 16 }, (_, half) => {
    const sign = (half & 0x8000) << 16
    const exponent = (half >> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0
    value[0] = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
    return ((bits[0] ?? 0) | sign) >>> 0
  })
}
