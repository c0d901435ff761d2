/**
 * Symmetric block quantisation (docs/packing.md), as llama.cpp's Q4_0. Within a block the value of largest magnitude (the first
 * of equals) maps to the lowest code, and the others use its scale. Two specialised loops over typed arrays, because a model
 * has a thousand million values.
 *
 * @param values `rows · columns` float32, row-major
 * @param weight out: `rows · blocks · blockSize/2` bytes
 * @param scale out: `rows · blocks` float32
 * @returns index of the first value found that is not finite, or -1
 */
export function quantiseInt4(
  values: Float32Array,
  columns: number,
  blockSize: number,
  weight: Uint8Array,
  scale: Float32Array,
): number {
  const blocks = Math.ceil(columns / blockSize)
  const rows = columns === 0 ? 0 : values.length / columns
  for (let row = 0, block = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++, block++) {
      const start = row * columns + b * blockSize
      const end = row * columns + Math.min(columns, (b + 1) * blockSize)
      const extreme = extremeOf(values, start, end)
      if (extreme - extreme !== 0) return firstNotFinite(values, start)
      const inverse = inverseScale(extreme, 8, scale, block)
      let out = block * (blockSize / 2)
      const outEnd = out + blockSize / 2
      let i = start
      for (; i + 1 < end; i += 2, out++) {
        // floor(v + 0.5) + 8 is never below 0 because v >= -8.000001; it is 16 for v = 8, the negated extreme.
        const low = Math.floor((values[i] as number) * inverse + 0.5) + 8
        const high = Math.floor((values[i + 1] as number) * inverse + 0.5) + 8
        weight[out] = (low > 15 ? 15 : low) | ((high > 15 ? 15 : high) << 4)
      }
      if (i < end) {
        const low = Math.floor((values[i] as number) * inverse + 0.5) + 8
        weight[out++] = (low > 15 ? 15 : low) | 0x80
      }
      for (; out < outEnd; out++) weight[out] = 0x88
    }
  }
  return -1
}

/** As {@link quantiseInt4}, one byte a value: `weight` has `rows · blocks · blockSize` bytes, the zero point is 128. */
export function quantiseInt8(
  values: Float32Array,
  columns: number,
  blockSize: number,
  weight: Uint8Array,
  scale: Float32Array,
): number {
  const blocks = Math.ceil(columns / blockSize)
  const rows = columns === 0 ? 0 : values.length / columns
  for (let row = 0, block = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++, block++) {
      const start = row * columns + b * blockSize
      const end = row * columns + Math.min(columns, (b + 1) * blockSize)
      const extreme = extremeOf(values, start, end)
      if (extreme - extreme !== 0) return firstNotFinite(values, start)
      const inverse = inverseScale(extreme, 128, scale, block)
      let out = block * blockSize
      const outEnd = out + blockSize
      for (let i = start; i < end; i++, out++) {
        const code = Math.floor((values[i] as number) * inverse + 0.5) + 128
        weight[out] = code > 255 ? 255 : code
      }
      for (; out < outEnd; out++) weight[out] = 128
    }
  }
  return -1
}

/** The value of largest magnitude, the first of equals; NaN when one of them is not a number. */
function extremeOf(values: Float32Array, start: number, end: number): number {
  let largest = 0
  let extreme = 0
  let poison = 0
  for (let i = start; i < end; i++) {
    const value = values[i] as number
    const magnitude = Math.abs(value)
    poison += value - value
    if (magnitude > largest) {
      largest = magnitude
      extreme = value
    }
  }
  return extreme + poison
}

/**
 * Stores the block's scale and gives its inverse in float32. A block of zeros, or of subnormals so small that the
 * inverse is not finite, gets scale 0 and inverse 0: every code is then the zero point.
 */
function inverseScale(extreme: number, half: number, scale: Float32Array, block: number): number {
  const value = Math.fround(extreme / -half)
  const inverse = Math.fround(1 / value)
  const usable = value !== 0 && inverse - inverse === 0
  scale[block] = usable ? value : 0
  return usable ? inverse : 0
}

/** Index of the first value from `start` that is not finite, or -1. */
export function firstNotFinite(values: Float32Array, start = 0): number {
  for (let i = start; i < values.length; i++) {
    const value = values[i] as number
    if (value - value !== 0) return i
  }
  return -1
}
