import { dequantiseRows, formatOf, type Manifest } from '@shoal/model'
import { indexWeights, matrixShapes, type WeightIndex } from './weights.ts'

/**
 * Reads bytes `[offset, offset + length)` of the packed tensor of that name, as `PackedFolder.read` does.
 * @throws when they cannot be read
 */
export type TensorReader = (tensorName: string, offset: number, length: number) => Promise<Uint8Array>

/** Reads packed tensors as float32. */
export interface FloatTensors {
  /** A vector, or a matrix that is float32 in every profile. */
  floats(name: string, shape: readonly number[]): Promise<Float32Array>
  /** Rows `[from, to)` of the matrix `<name>.weight` of shape `[rows, columns]`, dequantised exactly. */
  rows(
    name: string,
    shape: { rows: number; columns: number },
    from: number,
    to: number,
  ): Promise<Float32Array>
}

export function floatTensors(manifest: Manifest, read: TensorReader): FloatTensors {
  const { profile } = manifest
  const index: WeightIndex = indexWeights(manifest)
  const part = async (name: string, rows: number, from: number, to: number): Promise<Uint8Array> => {
    const { bytes } = index.find(name)
    const rowBytes = bytes / rows
    return read(name, from * rowBytes, (to - from) * rowBytes)
  }
  return {
    async floats(name, shape) {
      index.require(name, 'f32', shape)
      const bytes = await part(name, 1, 0, 1)
      // A copy: the reader's bytes may start at any offset.
      return new Float32Array(bytes.slice().buffer)
    },
    async rows(name, { rows, columns }, from, to) {
      const format = formatOf(profile, name)
      const shapes = matrixShapes(format, rows, columns)
      index.require(`${name}.weight`, shapes.scale === null ? 'f32' : 'u8', shapes.weight)
      const beside = async (ending: 'scale' | 'offset'): Promise<Uint8Array> => {
        const shape = shapes[ending]
        if (shape === null) return new Uint8Array()
        index.require(`${name}.${ending}`, 'f32', shape)
        return part(`${name}.${ending}`, rows, from, to)
      }
      const [weight, scale, offset] = await Promise.all([
        part(`${name}.weight`, rows, from, to),
        beside('scale'),
        beside('offset'),
      ])
      return dequantiseRows(format, weight, scale, to - from, columns, offset)
    },
  }
}
