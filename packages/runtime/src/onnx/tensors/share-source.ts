import { ShoalError } from '@shoal/host'
import {
  blockSpec,
  formatOf,
  unitOf,
  type IndexRange,
  type Manifest,
  type ManifestTensor,
  type RankShare,
} from '@shoal/model'
import { tensorCut } from '../../ranks/matrix-cuts.ts'
import { indexWeights } from '../../tensors/weights.ts'
import type { WeightSource } from '../graph/linear.ts'

/** Reads bytes `[offset, offset + length)` of a packed tensor, synchronously. */
export type TensorBytes = (tensor: ManifestTensor, offset: number, length: number) => Uint8Array

/**
 * Constants of a rank's share. Packed tensors are hashed as a whole, so each rank has the whole ones on disk, and its part is
 * cut from them here. The rows (outputs) of a part are contiguous in the file. Its columns (inputs) are not, so each row
 * of the matrices `output` and `down` is cut.
 */
export function shareSource(manifest: Manifest, share: RankShare, read: TensorBytes): WeightSource {
  const { config, profile } = manifest
  const index = indexWeights(manifest)
  return (name, type, shape) => {
    const tensor = index.find(name)
    const [rowCount = 1] = tensor.shape
    const rowBytes = tensor.bytes / rowCount
    const block = Number(unitOf(name).slice('block-'.length))
    const cut = tensorCut(blockSpec(config, block), share, name.replace(/\.(weight|scale|offset)$/, ''))
    const within = cut.columns === null ? { start: 0, end: rowBytes } : inputBytes(tensor, cut.columns)
    const bytes = joined(
      cut.rows.map((rows) =>
        cutInputs(read(tensor, rows.start * rowBytes, (rows.end - rows.start) * rowBytes), rowBytes, within),
      ),
    )
    const wanted = shape.reduce((product, size) => product * size, type === 'f32' ? 4 : 1)
    if (bytes.length !== wanted || tensor.type !== type)
      throw new ShoalError(
        'bad-model',
        `rank ${share.rank}'s part of ${name} has ${bytes.length} bytes of ${tensor.type}, not ${wanted} of ${type}`,
      )
    return { bytes }
  }

  /** Byte range of inputs `[start, end)` in a row: whole quantisation blocks, their scales, or floats. */
  function inputBytes({ name, type, shape }: ManifestTensor, { start, end }: IndexRange): IndexRange {
    const { weights, blockSize } = formatOf(profile, name)
    if (weights === 'f32') return { start: 4 * start, end: 4 * end }
    const [, , blockBytes = 0] = shape
    const bytes = type === 'u8' ? blockBytes : 4
    if (start % blockSize !== 0)
      throw new ShoalError(
        'bad-request',
        `input ${start} of ${name} does not start a block of ${blockSize} weights`,
      )
    return { start: (start / blockSize) * bytes, end: Math.ceil(end / blockSize) * bytes }
  }
}

function cutInputs(rows: Uint8Array, rowBytes: number, { start, end }: IndexRange): Uint8Array {
  if (end - start === rowBytes) return rows
  const count = rows.length / rowBytes
  const cut = new Uint8Array(count * (end - start))
  for (let row = 0; row < count; row += 1)
    cut.set(rows.subarray(row * rowBytes + start, row * rowBytes + end), row * (end - start))
  return cut
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
