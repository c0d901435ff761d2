import { unitOf, type BlockRange, type Manifest, type NumericProfile } from '@shoal/model'

/**
 * Resident bytes of the weights of a span once loaded. onnxruntime repacks each matrix into memory of its own and lets
 * the mapped file go; with int8 activations (accuracy level 4) the repacked matrix has 8 bytes per block of scales and
 * sums (measured), where the file has 4.
 */
export function residentWeightBytes(manifest: Manifest, range: BlockRange): number {
  let bytes = 0
  for (const tensor of manifest.tensors) {
    const block = /^block-(\d+)$/.exec(unitOf(tensor.name))?.[1]
    if (block === undefined || Number(block) < range.start || Number(block) >= range.end) continue
    bytes += tensor.bytes * (isScale(tensor.name, manifest.profile) ? 2 : 1)
  }
  return bytes
}

function isScale(name: string, profile: NumericProfile): boolean {
  return profile.weights !== 'f32' && name.endsWith('.scale')
}
