import {
  isHeadNorm,
  unitOf,
  unitsOfRange,
  type BlockRange,
  type IndexRange,
  type Manifest,
} from '@shoal/model'

/** Resident bytes of the weights of blocks `range` once they are loaded. */
export function residentWeightBytes(manifest: Manifest, range: BlockRange): number {
  const units = new Set(unitsOfRange(manifest.config, range))
  return residentBytes(manifest.tensors.filter(({ name }) => units.has(unitOf(name))))
}

/** As {@link residentWeightBytes}, for the head or for its rows of some tokens. The embedding stays in its file. */
export function residentHeadBytes(manifest: Manifest, vocabulary?: IndexRange): number {
  const matrixUnit = manifest.config.tiedEmbeddings ? 'embed' : 'head'
  const whole = residentBytes(
    manifest.tensors.filter(({ name }) => isHeadNorm(name) || unitOf(name) === matrixUnit),
  )
  const { vocabularySize } = manifest.config
  const tokens = vocabulary === undefined ? vocabularySize : vocabulary.end - vocabulary.start
  return Math.ceil((whole * tokens) / vocabularySize)
}

/**
 * Resident bytes of packed tensors. onnxruntime repacks each matrix into memory of its own and lets the mapped file go; at
 * accuracy level 4 (int8 activations) the repacked matrix holds 8 bytes per quantisation block, a scale and a sum, where
 * the file has 4 (measured).
 */
export function residentBytes(tensors: readonly { readonly name: string; readonly bytes: number }[]): number {
  return tensors.reduce((sum, { name, bytes }) => sum + bytes * (name.endsWith('.scale') ? 2 : 1), 0)
}
