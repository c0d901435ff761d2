import { ShoalError } from '@shoal/host'
import type { Manifest } from '@shoal/model'
import { readSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { EmbeddingTable } from '../block-runner.ts'
import { limits } from '../limits.ts'
import { createEmbeddingTable } from '../tensors/embedding.ts'
import { floatTensors, type TensorReader } from '../tensors/tensor-reader.ts'
import { indexWeights } from '../tensors/weights.ts'

/** The embedding matrix, read row by row from the unit's file of a packed folder. */
export interface EmbeddingFile {
  readonly table: EmbeddingTable
  /** Closing twice does nothing: the table may have been released before its device closes. */
  close(): Promise<void>
}

export async function openEmbeddingFile(manifest: Manifest, folder: string): Promise<EmbeddingFile> {
  const file = await open(join(folder, 'embed.bin'))
  const index = indexWeights(manifest)
  const read: TensorReader = async (name, offset, length) => {
    const bytes = new Uint8Array(length)
    const bytesRead = await readInto(file, bytes, index.find(name).offset + offset)
    if (bytesRead !== length) throw new ShoalError('bad-model', `embed.bin ends inside ${name}`)
    return bytes
  }
  const close = (): Promise<void> => file.close()
  return { table: createEmbeddingTable(manifest.config, floatTensors(manifest, read), close), close }
}

/**
 * A row is a few kilobytes of a file that stays in the page cache. Reading it synchronously takes microseconds, where a
 * turn through the thread pool would cost every token a quarter of a millisecond.
 */
async function readInto(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  const { length } = bytes
  if (length <= limits.embeddingSyncBytesMax) return readSync(file.fd, bytes, 0, length, position)
  return (await file.read(bytes, 0, length, position)).bytesRead
}
