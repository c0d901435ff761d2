import { badFrame } from '../frame.ts'
import { bytesOfHidden, hiddenRows } from './hidden-rows.ts'

/**
 * How hidden states travel in a session. All but `f32` change them: `f16` rounds each value to IEEE 754 binary16, `int8`
 * to one of 255 levels of its block. A row's bytes depend on that row only, so that steps may be grouped at will.
 */
export const wireFormats = ['f32', 'f16', 'int8'] as const
export type WireFormat = (typeof wireFormats)[number]

/** Values of a row with one scale. */
const blockValues = 64
const levels = 127
/** The largest finite value of binary16. Larger ones, which some models have in a few columns, become this. */
const halfMax = 65_504

/** Bytes of one row; a multiple of 4, so that scales of the next row are aligned. */
export function wireRowBytes(wire: WireFormat, hiddenSize: number): number {
  if (wire === 'f32') return hiddenSize * 4
  if (wire === 'f16') return alignTo4(hiddenSize * 2)
  return scalesOf(hiddenSize) * 4 + alignTo4(hiddenSize)
}

const alignTo4 = (length: number): number => (length + 3) & ~3
const scalesOf = (hiddenSize: number): number => Math.ceil(hiddenSize / blockValues)

/** @param hidden float32 `[rows, hiddenSize]`, finite @returns the payload; in `f32` a view, without a copy */
export function encodeRows(wire: WireFormat, hidden: Float32Array, hiddenSize: number): Uint8Array {
  if (wire === 'f32') return bytesOfHidden(hidden)
  const rowBytes = wireRowBytes(wire, hiddenSize)
  const rows = hidden.length / hiddenSize
  const payload = new Uint8Array(rows * rowBytes)
  for (let row = 0; row < rows; row += 1) {
    const values = hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize)
    if (wire === 'f16') encodeHalves(values, new Uint16Array(payload.buffer, row * rowBytes, hiddenSize))
    else encodeLevels(values, payload, row * rowBytes)
  }
  return payload
}

/** @returns float32 `[rows, hiddenSize]`; in `f32` a view of the payload @throws {ShoalError} `bad-frame` for another length */
export function decodeRows(
  wire: WireFormat,
  payload: Uint8Array,
  rows: number,
  hiddenSize: number,
): Float32Array {
  if (wire === 'f32') return hiddenRows(payload, rows, hiddenSize)
  const rowBytes = wireRowBytes(wire, hiddenSize)
  if (payload.byteLength !== rows * rowBytes)
    throw badFrame(
      `${rows} rows of hidden size ${hiddenSize} in ${wire} are ${rows * rowBytes} bytes, the payload has ${payload.byteLength}`,
    )
  const hidden = new Float32Array(rows * hiddenSize)
  for (let row = 0; row < rows; row += 1) {
    const at = payload.byteOffset + row * rowBytes
    const values = hidden.subarray(row * hiddenSize, (row + 1) * hiddenSize)
    if (wire === 'f16') decodeHalves(new Uint16Array(payload.buffer, at, hiddenSize), values)
    else decodeLevels(payload.buffer, at, values)
  }
  return hidden
}

function encodeLevels(values: Float32Array, payload: Uint8Array, at: number): void {
  const count = scalesOf(values.length)
  const scales = new Float32Array(payload.buffer, at, count)
  const codes = new Int8Array(payload.buffer, at + count * 4, values.length)
  for (let block = 0; block < count; block += 1) {
    const from = block * blockValues
    const end = Math.min(from + blockValues, values.length)
    let largest = 0
    for (let i = from; i < end; i += 1) largest = Math.max(largest, Math.abs(values[i] as number))
    scales[block] = largest / levels
    // Divided by what the other side multiplies with: the scale as float32.
    const scale = scales[block] as number
    if (scale === 0) continue
    for (let i = from; i < end; i += 1)
      codes[i] = Math.max(-levels, Math.min(levels, Math.round((values[i] as number) / scale)))
  }
}

function decodeLevels(buffer: ArrayBufferLike, at: number, values: Float32Array): void {
  const count = scalesOf(values.length)
  const scales = new Float32Array(buffer, at, count)
  const codes = new Int8Array(buffer, at + count * 4, values.length)
  for (let i = 0; i < values.length; i += 1)
    values[i] = (codes[i] as number) * (scales[Math.floor(i / blockValues)] as number)
}

const floatBits = new Float32Array(1)
const bits = new Uint32Array(floatBits.buffer)

/** Rounds to the nearest binary16, ties to even (IEEE 754). */
function encodeHalves(values: Float32Array, halves: Uint16Array): void {
  for (let i = 0; i < values.length; i += 1) {
    floatBits[0] = Math.max(-halfMax, Math.min(halfMax, values[i] as number))
    halves[i] = halfOf(bits[0] as number)
  }
}

/** @param single bits of a float32 of at most `halfMax` @returns bits of the nearest binary16 */
function halfOf(single: number): number {
  const sign = (single >>> 16) & 0x8000
  const exponent = ((single >>> 23) & 0xff) - 112
  const fraction = single & 0x7fffff
  if (exponent >= 1) return sign | roundOff((exponent << 23) | fraction, 13)
  // Subnormal in binary16: the leading one becomes explicit. Below half of the smallest one it is zero.
  return exponent < -10 ? sign : sign | roundOff(fraction | 0x800000, 14 - exponent)
}

/** Drops the lowest `count` bits, to the nearest, ties to even. A carry into the exponent is right there. */
function roundOff(value: number, count: number): number {
  const kept = value >>> count
  const rest = value & ((1 << count) - 1)
  const half = 1 << (count - 1)
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept
}

function decodeHalves(halves: Uint16Array, values: Float32Array): void {
  for (let i = 0; i < values.length; i += 1) values[i] = valueOf(halves[i] as number)
}

function valueOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  // No sender of ours makes it; whoever receives it refuses values that are not finite.
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
