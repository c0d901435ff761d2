import { float16Values } from '../float16.ts'

/** Blocks of 32 values with a float16 scale `d` and, in types 1, a float16 minimum `m` (ggml's `block_q4_0` … `block_q8_0`). */

/** A little-endian float16. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return float16Values()[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number
}

export function dequantiseQ4Type0(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at)
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + 2 + j] as number
    values[to + j] = ((byte & 15) - 8) * d
    values[to + j + 16] = ((byte >> 4) - 8) * d
  }
}

export function dequantiseQ4Type1(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at)
  const m = halfAt(bytes, at + 2)
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + 4 + j] as number
    values[to + j] = (byte & 15) * d + m
    values[to + j + 16] = (byte >> 4) * d + m
  }
}

export function dequantiseQ5Type0(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at)
  for (let j = 0; j < 32; j++) values[to + j] = (fiveBits(bytes, at + 2, j) - 16) * d
}

export function dequantiseQ5Type1(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at)
  const m = halfAt(bytes, at + 2)
  for (let j = 0; j < 32; j++) values[to + j] = fiveBits(bytes, at + 4, j) * d + m
}

export function dequantiseQ8Type0(bytes: Uint8Array, at: number, values: Float32Array, to: number): void {
  const d = halfAt(bytes, at)
  for (let j = 0; j < 32; j++) values[to + j] = signed(bytes[at + 2 + j] as number) * d
}

/** Code `j` of a block whose 32 fifth bits stand at `at`, before the nibbles. */
export function fiveBits(bytes: Uint8Array, at: number, j: number): number {
  const byte = bytes[at + 4 + (j & 15)] as number
  const nibble = j < 16 ? byte & 15 : byte >> 4
  return nibble | ((((bytes[at + (j >> 3)] as number) >> (j & 7)) & 1) << 4)
}

/** A byte as a signed number. */
export function signed(byte: number): number {
  return (byte << 24) >> 24
}
