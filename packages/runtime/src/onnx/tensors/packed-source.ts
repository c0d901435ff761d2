import { unitOf, type Manifest } from '@shoal/model'
import { indexWeights } from '../../tensors/weights.ts'
import type { WeightSource } from '../graph/linear.ts'

/** Constants that onnxruntime maps from the units' files of a packed folder. */
export function packedSource(manifest: Manifest): WeightSource {
  const index = indexWeights(manifest)
  return (name, type, shape) => {
    const tensor = index.require(name, type, shape)
    return { file: `${unitOf(name)}.bin`, offset: tensor.offset, length: tensor.bytes }
  }
}
