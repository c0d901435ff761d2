import { ShoalError } from '@shoal/host'
import {
  blockBytesOf,
  type Manifest,
  type ManifestTensor,
  type MatrixFormat,
  type PackedType,
} from '@shoal/model'

/** Finds the packed tensors of a manifest by name, and refuses shapes that its config does not imply. */
export interface WeightIndex {
  /** @throws {ShoalError} `bad-model` when it is absent */
  find(name: string): ManifestTensor
  /** @throws {ShoalError} `bad-model` when it is absent or has another type or shape */
  require(name: string, type: PackedType, shape: readonly number[]): ManifestTensor
}

export function indexWeights(manifest: Manifest): WeightIndex {
  const byName = new Map(manifest.tensors.map((tensor) => [tensor.name, tensor]))
  const find = (name: string): ManifestTensor => {
    const tensor = byName.get(name)
    if (tensor === undefined)
      throw new ShoalError('bad-model', `the manifest of ${manifest.name} has no tensor ${name}`)
    return tensor
  }
  return {
    find,
    require(name, type, shape) {
      const tensor = find(name)
      const bytes = shape.reduce((product, size) => product * size, type === 'f32' ? 4 : 1)
      const found = `${tensor.type} [${tensor.shape.join(', ')}] of ${tensor.bytes} bytes`
      if (tensor.type !== type || tensor.shape.join() !== shape.join() || tensor.bytes !== bytes) {
        throw new ShoalError(
          'bad-model',
          `${name} should be ${type} [${shape.join(', ')}] of ${bytes} bytes, the manifest says ${found}`,
        )
      }
      return tensor
    },
  }
}

/** Bits of one packed weight, its share of the scale not counted. */
export function weightBits({ weights }: MatrixFormat): 32 | 8 | 4 {
  return weights === 'f32' ? 32 : weights === 'int8' ? 8 : 4
}

/**
 * The packed parts of matrix `X` = `[rows, columns]` (docs/packing.md): `X.weight`, `X.scale` when quantised, and `X.offset` where
 * its blocks have offsets.
 */
export function matrixShapes(
  format: MatrixFormat,
  rows: number,
  columns: number,
): {
  weight: readonly number[]
  scale: readonly [rows: number, blocks: number] | null
  offset: readonly [rows: number, blocks: number] | null
} {
  if (format.weights === 'f32') return { weight: [rows, columns], scale: null, offset: null }
  const perBlock = [rows, Math.ceil(columns / format.blockSize)] as const
  return {
    weight: [...perBlock, blockBytesOf(format)],
    scale: perBlock,
    offset: format.offsets === true ? perBlock : null,
  }
}
