import { ModelError } from '../../error.ts'
import { blockBytesOf, type MatrixFormat } from '../matrix-format.ts'

/**
 * Rows of a packed matrix as float32: `fround((q - zeroPoint) · scale)`, as the runtime's kernels compute them from the same
 * bytes, and where blocks have offsets `fround((q - 8) · scale + offset)`, which is what ggml gives for the block copied. Used for embeddings and by the reference runner.
 *
 * @param weight bytes of those rows in `X.weight`
 * @param scale float32 of those rows in `X.scale`; empty for f32
 * @param columns values a row has (`K`), without padding
 * @param offset as `scale`; empty where blocks have no offsets
 * @returns `rows · columns` values, row-major, never sharing memory with the arguments
 */
export function dequantiseRows(
  format: MatrixFormat,
  weight: Uint8Array,
  scale: Uint8Array,
  rows: number,
  columns: number,
  offset: Uint8Array = new Uint8Array(),
): Float32Array {
  if (format.weights === 'f32') {
    checkBytes(weight, rows * columns * 4, 'weight')
    return new Float32Array(new Uint8Array(weight).buffer)
  }
  const { blockSize } = format
  const blocks = Math.ceil(columns / blockSize)
  checkBytes(weight, rows * blocks * blockBytesOf(format), 'weight')
  checkBytes(scale, rows * blocks * 4, 'scale')
  const scales = floatsOf(scale)
  const values = new Float32Array(rows * columns)
  if (format.offsets === true) checkBytes(offset, rows * blocks * 4, 'offset')
  const offsets = format.offsets === true ? floatsOf(offset) : null
  if (format.weights === 'int4') expandInt4(values, weight, { scales, offsets }, columns, blockSize)
  else expandInt8(values, weight, scales, columns, blockSize)
  return values
}

/** At any alignment. */
function floatsOf(bytes: Uint8Array): Float32Array {
  return bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    : new Float32Array(new Uint8Array(bytes).buffer)
}

/** @param offsets added to the values of each block; null where there are none */
function expandInt4(
  values: Float32Array,
  weight: Uint8Array,
  { scales, offsets }: { readonly scales: Float32Array; readonly offsets: Float32Array | null },
  columns: number,
  blockSize: number,
): void {
  const blocks = Math.ceil(columns / blockSize)
  const rowBytes = (blocks * blockSize) / 2
  for (let out = 0, row = 0; out < values.length; row++) {
    for (let k = 0; k < columns; k++, out++) {
      const byte = weight[row * rowBytes + (k >> 1)] as number
      const code = (k & 1) === 0 ? byte & 15 : byte >> 4
      const block = row * blocks + Math.floor(k / blockSize)
      const value = (code - 8) * (scales[block] as number)
      values[out] = offsets === null ? value : value + (offsets[block] as number)
    }
  }
}

function expandInt8(
  values: Float32Array,
  weight: Uint8Array,
  scales: Float32Array,
  columns: number,
  blockSize: number,
): void {
  const blocks = Math.ceil(columns / blockSize)
  const rowBytes = blocks * blockSize
  for (let out = 0, row = 0; out < values.length; row++) {
    for (let k = 0; k < columns; k++, out++) {
      values[out] =
        ((weight[row * rowBytes + k] as number) - 128) *
        (scales[row * blocks + Math.floor(k / blockSize)] as number)
    }
  }
}

function checkBytes(bytes: Uint8Array, expected: number, what: string): void {
  if (bytes.byteLength !== expected)
    throw new ModelError('bad-request', `${expected} bytes of ${what} are needed, not ${bytes.byteLength}`)
}
