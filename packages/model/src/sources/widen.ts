import { float16Bits } from './float16.ts'
import { dequantiseBlocks } from './ggml/dequantise-blocks.ts'
import { isBlockType } from './stored-types.ts'
import type { StoredRows } from './tensor-source.ts'

/**
 * Widens stored values to float32. Every bfloat16 and float16 value, subnormals included, is a float32, so these are
 * exact; a float64 is rounded to the nearest float32, and to infinity beyond its range. Blocks of quantised values become
 * the float32 values that ggml gives them.
 *
 * @returns values in the order of the bytes; for F32 they may share the bytes' memory
 */
export function widen({ type, bytes }: StoredRows): Float32Array {
  if (isBlockType(type)) return dequantiseBlocks(type, bytes)
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

function widenFloat16(source: Uint16Array): Float32Array {
  const table = float16Bits()
  const words = new Uint32Array(source.length)
  for (let i = 0; i < source.length; i++) words[i] = table[source[i] ?? 0] ?? 0
  return new Float32Array(words.buffer)
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
