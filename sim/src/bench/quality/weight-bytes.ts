import { packedTensors, parseProfile, unitOf, type Manifest } from '@shoal/model'
import { residentHeadBytes, residentWeightBytes } from '@shoal/runtime'

/** Mean bytes of one weight, scales included. */
export interface WeightBytes {
  /** Once loaded. An embedding that is not the head's matrix as well stays in its file, and does not count. */
  readonly inMemory: number
  /** As packed: on disk, and fetched from peers. */
  readonly inFiles: number
}

export function weightBytes(manifest: Manifest): WeightBytes {
  const { config, tensors } = manifest
  const values = packedTensors(config, parseProfile('f32')).map(({ name, bytes }) => ({
    count: bytes / 4,
    loaded: config.tiedEmbeddings || unitOf(name) !== 'embed',
  }))
  const sum = (counts: readonly { readonly count: number }[]): number =>
    counts.reduce((total, { count }) => total + count, 0)
  const bytesInMemory =
    residentWeightBytes(manifest, { start: 0, end: config.blockCount }) + residentHeadBytes(manifest)
  const bytesInFiles = tensors.reduce((total, { bytes }) => total + bytes, 0)
  return {
    inMemory: bytesInMemory / sum(values.filter(({ loaded }) => loaded)),
    inFiles: bytesInFiles / sum(values),
  }
}
