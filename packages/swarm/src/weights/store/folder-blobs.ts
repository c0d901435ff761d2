import { ShoalError } from '@shoal/host'
import { unitOf } from '@shoal/model'
import type { PackedFolder } from '@shoal/model/node'
import type { BlobSource } from '../blobs/serve.ts'

/** The verified contents of a packed folder, by hash. */
export function folderBlobs(current: () => PackedFolder): BlobSource {
  const { bytes, manifest } = current().manifest
  // Two tensors may have the same bytes (norms of an untrained model, all ones): any that is here will do.
  const tensors = Map.groupBy(manifest.tensors, (tensor) => tensor.sha256)
  const held = (blob: string) => tensors.get(blob)?.find((tensor) => current().hasUnit(unitOf(tensor.name)))
  const assets = new Map(manifest.assets.map((asset) => [asset.sha256, asset]))
  return {
    size(blob) {
      if (blob === 'manifest') return bytes.byteLength
      return (tensors.has(blob) ? held(blob)?.bytes : assets.get(blob)?.bytes) ?? null
    },
    async read(blob, offset, length) {
      if (blob === 'manifest') return bytes.subarray(offset, offset + length)
      const tensor = held(blob)
      if (tensor !== undefined) return current().read(tensor.name, offset, length)
      const asset = assets.get(blob)
      const piece = asset === undefined ? null : await current().readAssetRange(asset.name, offset, length)
      if (piece === null) throw new ShoalError('not-found', 'this peer does not hold that asset yet')
      return piece
    },
  }
}
