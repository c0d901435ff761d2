import type { StoredRows } from './tensor-source.ts'

/**
 * Widens stored values to float32. Every bfloat16 and float16 value, subnormals included, is a float32, so these are
 * exact; a float64 is rounded to the nearest float32, and to infinity beyond its range.
 *
 * @returns values in the order of the bytes; for F32 they may share the bytes' memory
 */
export function widen({ type, bytes }: StoredRows): Float32Array {
  switch (type) {
    case 'F64': {
      const aligned = alignedTo(bytes, 8)
      return Float32Array.from(new Float64Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 8))
    }
    case 'F32': {
      const aligned = alignedTo(bytes, 4)
      return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
    }
    case 'BF16':
      return widenBfloat16(halfWords(bytes))
    case 'F16':
      return widenFloat16(halfWords(bytes))
  }
}

/** A bfloat16 is the upper half of a float32. */
function widenBfloat16(source: Uint16Array): Float32Array {
  const words = new Uint32Array(source.length)
  for (let i = 0; i < source.length; i++) words[i] = (source[i] ?? 0) << 16
  return new Float32Array(words.buffer)
}

/** Sign 1, exponent 5 (bias 15), fraction 10; through a table of all 65,536 values, made on first use. */
function widenFloat16(source: Uint16Array): Float32Array {
  float16Table ??= makeFloat16Table()
  const table = float16Table
  const words = new Uint32Array(source.length)
  for (let i = 0; i < source.length; i++) words[i] = table[source[i] ?? 0] ?? 0
  return new Float32Array(words.buffer)
}

let float16Table: Uint32Array | undefined

function makeFloat16Table(): Uint32Array {
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

function halfWords(bytes: Uint8Array): Uint16Array {
  const aligned = alignedTo(bytes, 2)
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
}

/**
 * Typed arrays need the alignment of their elements, which a view into a larger buffer may not have. The copy is made by a
 * constructor, because `slice` of a Node Buffer shares memory.
 */
function alignedTo(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes)
}
