import {
  unitOf,
  unitsOfRange,
  type BlockRange,
  type IndexRange,
  type Manifest,
  type ManifestTensor,
} from '@shoal/model'

/**
 * Resident bytes of the weights of a span once loaded. onnxruntime repacks each matrix into memory of its own and lets
 * the mapped file go; with int8 activations (accuracy level 4) the repacked matrix has 8 bytes per block of scales and
 * sums (measured), where the file has 4.
 */
export function residentWeightBytes(manifest: Manifest, range: BlockRange): number {
  const units = new Set(unitsOfRange(range))
  return residentBytes(manifest, (tensor) => units.has(unitOf(tensor.name)))
}

/** As {@link residentWeightBytes}, for the head, or its part for some tokens. (The embedding stays in its file.) */
export function residentHeadBytes(manifest: Manifest, vocabulary?: IndexRange): number {
  const matrixUnit = manifest.config.tiedEmbeddings ? 'embed' : 'head'
  const whole = residentBytes(manifest, ({ name }) => name === 'head.norm' || unitOf(name) === matrixUnit)
  const { vocabularySize } = manifest.config
  const tokens = vocabulary === undefined ? vocabularySize : vocabulary.end - vocabulary.start
  return Math.ceil((whole * tokens) / vocabularySize)
}

function residentBytes({ tensors, profile }: Manifest, among: (tensor: ManifestTensor) => boolean): number {
  const isScale = (name: string): boolean => profile.weights !== 'f32' && name.endsWith('.scale')
  return tensors.filter(among).reduce((sum, { name, bytes }) => sum + bytes * (isScale(name) ? 2 : 1), 0)
}
