import { ShoalError } from '@shoal/host'
import { dequantiseRows, type Manifest, type ManifestTensor } from '@shoal/model'
import type { EmbeddingTable } from './block-runner.ts'
import { indexWeights, matrixShapes } from './weights.ts'

/** Bytes `[offset, offset + length)` of a packed tensor. */
export type TensorReader = (tensor: ManifestTensor, offset: number, length: number) => Promise<Uint8Array>

/** Looks rows up in the packed embedding matrix, reading only those rows. */
export function createEmbeddingTable(manifest: Manifest, read: TensorReader, close: () => Promise<void>): EmbeddingTable {
  const { config, profile } = manifest
  const { vocabularySize, hiddenSize } = config
  const index = indexWeights(manifest)
  const shapes = matrixShapes(profile, vocabularySize, hiddenSize)
  const weight = index.require('embed.weight', profile.weights === 'f32' ? 'f32' : 'u8', shapes.weight)
  const scale = shapes.scale === null ? null : index.require('embed.scale', 'f32', shapes.scale)

  const row = async (tensor: ManifestTensor, id: number): Promise<Uint8Array> => {
    const length = tensor.bytes / vocabularySize
    return read(tensor, id * length, length)
  }
  return {
    async lookup(tokenIds) {
      const unknown = tokenIds.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize)
      if (unknown !== undefined) throw new ShoalError('bad-request', `token ${unknown} is outside the vocabulary of ${vocabularySize}`)
      const hidden = new Float32Array(tokenIds.length * hiddenSize)
      for (const [position, id] of tokenIds.entries()) {
        const [weights, scales] = await Promise.all([row(weight, id), scale === null ? new Uint8Array() : row(scale, id)])
        hidden.set(dequantiseRows(profile, weights, scales, 1, hiddenSize), position * hiddenSize)
      }
      return hidden
    },
    release: close,
  }
}
