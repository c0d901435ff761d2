import { quantiseSuperBlock } from './quantise-super-block.ts'
import { writeFloat16 } from './write-float16.ts'

/**
 * ggml's simplest block formats, as `quantize_row_q4_0_ref` and `quantize_row_q8_0_ref` of ggml-quants.c write them, blocks of
 * 32 values behind one float16 scale; and Q4_K.
 */

/** Values of a simple block. */
const blockValues = 32

/** A format in which the peer's file stores its matrices. */
export interface GgmlFormat {
  /** Number of the type in GGUF files (`enum ggml_type`). */
  readonly type: number
  readonly blockValues: number
  readonly blockBytes: number
  /** Writes one block of `values`, which begins at `from`, to `bytes` at `to`. */
  readonly quantise: (values: Float32Array, from: number, bytes: Uint8Array, to: number) => void
}

/** The formats that the benches compare with, by the name that llama.cpp gives them. */
export const ggmlFormats = {
  Q4_0: { type: 2, blockValues, blockBytes: 18, quantise: quantiseFourBits },
  Q8_0: { type: 8, blockValues, blockBytes: 34, quantise: quantiseEightBits },
  Q4_K: { type: 12, blockValues: 256, blockBytes: 144, quantise: quantiseSuperBlock },
} as const satisfies Readonly<Record<string, GgmlFormat>>

export type GgmlFormatName = keyof typeof ggmlFormats

/** @param values whole blocks */
export function quantiseRows(
  { blockValues: valuesOfBlock, blockBytes, quantise }: GgmlFormat,
  values: Float32Array,
): Uint8Array {
  const blocks = values.length / valuesOfBlock
  const bytes = new Uint8Array(blocks * blockBytes)
  for (let block = 0; block < blocks; block += 1)
    quantise(values, block * valuesOfBlock, bytes, block * blockBytes)
  return bytes
}

/** The value of largest magnitude becomes −8; value j shares a byte with value j + 16. */
function quantiseFourBits(values: Float32Array, from: number, bytes: Uint8Array, to: number): void {
  let extreme = 0
  for (let i = from; i < from + blockValues; i += 1)
    if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!
  const scale = extreme / -8
  const inverse = scale === 0 ? 0 : 1 / scale
  writeFloat16(bytes, to, scale)
  for (let j = 0; j < 16; j += 1) {
    const low = Math.min(15, Math.trunc(values[from + j]! * inverse + 8.5))
    const high = Math.min(15, Math.trunc(values[from + j + 16]! * inverse + 8.5))
    bytes[to + 2 + j] = low | (high << 4)
  }
}

function quantiseEightBits(values: Float32Array, from: number, bytes: Uint8Array, to: number): void {
  let largest = 0
  for (let i = from; i < from + blockValues; i += 1) largest = Math.max(largest, Math.abs(values[i]!))
  const scale = largest / 127
  const inverse = scale === 0 ? 0 : 1 / scale
  writeFloat16(bytes, to, scale)
  for (let j = 0; j < blockValues; j += 1) bytes[to + 2 + j] = Math.round(values[from + j]! * inverse)
}
