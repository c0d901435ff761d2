import { ShoalError } from '@shoal/host'
import type { ModelConfig } from '@shoal/model'
import type { EmbeddingTable } from '../block-runner.ts'
import type { FloatTensors } from './tensor-reader.ts'

/** Looks up rows of the packed embedding matrix; only those rows are read. @param close called when the table is released */
export function createEmbeddingTable(
  { vocabularySize, hiddenSize, embeddingScale = 1 }: ModelConfig,
  tensors: FloatTensors,
  close: () => Promise<void>,
): EmbeddingTable {
  const shape = { rows: vocabularySize, columns: hiddenSize }
  const scaled = (row: Float32Array): Float32Array =>
    embeddingScale === 1 ? row : row.map((value) => value * embeddingScale)
  return {
    async lookup(tokenIds) {
      const unknown = tokenIds.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize)
      if (unknown !== undefined)
        throw new ShoalError('bad-request', `token ${unknown} is outside the vocabulary of ${vocabularySize}`)
      const rows = new Map<number, Float32Array>()
      const hidden = new Float32Array(tokenIds.length * hiddenSize)
      for (const [position, id] of tokenIds.entries()) {
        const row = rows.get(id) ?? scaled(await tensors.rows('embed', shape, id, id + 1))
        rows.set(id, row)
        hidden.set(row, position * hiddenSize)
      }
      return hidden
    },
    release: close,
  }
}
