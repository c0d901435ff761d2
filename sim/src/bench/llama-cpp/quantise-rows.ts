/**
 * ggml's simplest block formats, as `quantize_row_q4_0_ref` and `quantize_row_q8_0_ref` of ggml-quants.c write them: blocks of
 * 32 values behind one float16 scale.
 */

/** Values of a block. */
export const blockValues = 32

/** A format in which the peer's file stores its matrices. */
export interface GgmlFormat {
  /** Number of the type in GGUF files (`enum ggml_type`). */
  readonly type: number
  readonly blockBytes: number
  /** Writes one block of `values`, which begins at `from`, to `bytes` at `to`. */
  readonly quantise: (values: Float32Array, from: number, bytes: Uint8Array, to: number) => void
}

/** The formats that the benches compare with, by the name that llama.cpp gives them. */
export const ggmlFormats = {
  Q4_0: { type: 2, blockBytes: 18, quantise: quantiseFourBits },
  Q8_0: { type: 8, blockBytes: 34, quantise: quantiseEightBits },
} as const satisfies Readonly<Record<string, GgmlFormat>>

export type GgmlFormatName = keyof typeof ggmlFormats

/** @param values whole blocks */
export function quantiseRows({ blockBytes, quantise }: GgmlFormat, values: Float32Array): Uint8Array {
  const blocks = values.length / blockValues
  const bytes = new Uint8Array(blocks * blockBytes)
  for (let block = 0; block < blocks; block += 1)
    quantise(values, block * blockValues, bytes, block * blockBytes)
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

const oneFloat = new Float32Array(1)
const itsBits = new Uint32Array(oneFloat.buffer)

/** Little-endian; rounds half up, which differs from IEEE 754 in ties only. Values must be below 65,504. */
export function writeFloat16(bytes: Uint8Array, at: number, value: number): void {
  oneFloat[0] = value
  const [word] = itsBits as unknown as [number]
  const sign = (word >>> 16) & 0x8000
  const exponent = ((word >>> 23) & 0xff) - 112
  const half =
    exponent > 0
      ? // A carry out of the mantissa raises the exponent, as it should.
        ((exponent << 10) | ((word >>> 13) & 0x3ff)) + ((word >>> 12) & 1)
      : // Subnormal: multiples of 2^-24.
        Math.round(Math.abs(value) * 2 ** 24)
  bytes[at] = half & 0xff
  bytes[at + 1] = (sign | half) >>> 8
}
