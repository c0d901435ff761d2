import { ShoalError } from '@shoal/host'
import { isHeadNorm, unitOf, type IndexRange, type Manifest, type ModelConfig } from '@shoal/model'
import { indexWeights } from '../../tensors/weights.ts'
import type { WeightSource } from '../graph/linear.ts'

/** The model with a part of the vocabulary as its whole vocabulary. @param vocabulary null for all */
export function headConfig(config: ModelConfig, vocabulary: IndexRange | null): ModelConfig {
  return vocabulary === null ? config : { ...config, vocabularySize: vocabulary.end - vocabulary.start }
}

/** Constants of a head that projects to some tokens only, whose rows are contiguous in the unit's file. */
export function headPartSource(manifest: Manifest, { start, end }: IndexRange): WeightSource {
  const index = indexWeights(manifest)
  return (name, type, shape) => {
    if (isHeadNorm(name)) {
      const { offset, bytes } = index.require(name, type, shape)
      return { file: `${unitOf(name)}.bin`, offset, length: bytes }
    }
    const tensor = index.find(name)
    const [rows = 1] = tensor.shape
    const rowBytes = tensor.bytes / rows
    const wanted = shape.reduce((product, size) => product * size, type === 'f32' ? 4 : 1)
    if (tensor.type !== type || (end - start) * rowBytes !== wanted)
      throw new ShoalError(
        'bad-model',
        `rows ${start} to ${end} of ${name} are not ${wanted} bytes of ${type}`,
      )
    return { file: `${unitOf(name)}.bin`, offset: tensor.offset + start * rowBytes, length: wanted }
  }
}
