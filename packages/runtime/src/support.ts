import { ShoalError } from '@shoal/host'
import {
  familyNames,
  packedTensors,
  vocabularyMultiple,
  type BlockRange,
  type IndexRange,
  type Manifest,
  type ModelConfig,
} from '@shoal/model'
import { indexWeights } from './weights.ts'

/**
 * Refuses what this runtime cannot compute, with the reason, before anything is loaded.
 * @throws {ShoalError} `unsupported-model`; `bad-model` when tensors are not those that config and profile imply
 */
export function checkSupported(manifest: Manifest): void {
  const { config, profile } = manifest
  const refuse = (reason: string): never => {
    throw new ShoalError('unsupported-model', `${manifest.name} is not supported: ${reason}`)
  }
  if (!familyNames.includes(config.family))
    refuse(`family ${config.family}; these are: ${familyNames.join(', ')}`)
  if (profile.kv !== 'f32') refuse('an int8 KV cache needs scales that no model ships; use --kv f32')
  if (profile.graphForm !== 'canonical-1') refuse(`graph form ${String(profile.graphForm)}; canonical-1 is`)
  // The attention operator takes multiples of 8 (rotation of others than multiples of 16 happens before it).
  if (config.headSize % 8 !== 0) refuse(`head size ${config.headSize} is not a multiple of 8`)
  if (config.headCount % config.keyValueHeadCount !== 0)
    refuse(`${config.headCount} heads cannot share ${config.keyValueHeadCount} key/value heads`)
  const index = indexWeights(manifest)
  for (const tensor of packedTensors(config, profile)) index.require(tensor.name, tensor.type, tensor.shape)
}

/** @throws {ShoalError} `wrong-range` */
export function checkRange({ start, end }: BlockRange, { blockCount }: ModelConfig): void {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start || end > blockCount) {
    throw new ShoalError(
      'wrong-range',
      `blocks ${start}:${end} are not a range of a model with ${blockCount} blocks`,
    )
  }
}

/** @throws {ShoalError} `bad-request` */
export function checkVocabulary(part: IndexRange | undefined, { vocabularySize }: ModelConfig): void {
  if (part === undefined) return
  const { start, end } = part
  const fits =
    Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end > start && end <= vocabularySize
  const isCut = start % vocabularyMultiple === 0 && (end % vocabularyMultiple === 0 || end === vocabularySize)
  if (!fits || !isCut)
    throw new ShoalError(
      'bad-request',
      `tokens ${start}:${end} are not a part of a vocabulary of ${vocabularySize}, cut at multiples of ${vocabularyMultiple}`,
    )
}
