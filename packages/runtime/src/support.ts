import { ShoalError } from '@shoal/host'
import {
  blockSpecs,
  familyNames,
  packedTensors,
  vocabularyMultiple,
  type BlockRange,
  type DenseSpec,
  type FeedForwardSpec,
  type IndexRange,
  type Manifest,
  type ModelConfig,
} from '@shoal/model'
import { indexWeights } from './tensors/weights.ts'

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
  if (profile.graphForm !== 'canonical-1') refuse(`graph form ${String(profile.graphForm)}; canonical-1 is`)
  for (const { attention } of blockSpecs(config)) {
    const { headCount, keyValueHeadCount, headSize } = attention
    // The attention operator takes multiples of 8. It rotates multiples of 16 only; others are rotated before it.
    if (headSize % 8 !== 0) refuse(`head size ${headSize} is not a multiple of 8`)
    if (headCount % keyValueHeadCount !== 0)
      refuse(`${headCount} heads cannot share ${keyValueHeadCount} key/value heads`)
  }
  const index = indexWeights(manifest)
  for (const tensor of packedTensors(config, profile)) index.require(tensor.name, tensor.type, tensor.shape)
}

/** The feed-forward network of a block without experts. @throws for a block with experts, which has graphs of its own */
export function denseOf(feedForward: FeedForwardSpec): DenseSpec {
  if (feedForward.kind !== 'dense')
    throw new ShoalError('unsupported-model', 'a block with experts cannot be cut into heads and columns')
  return feedForward
}

/** @throws {ShoalError} `wrong-range` unless these are blocks of the model */
export function checkRange({ start, end }: BlockRange, { blockCount }: ModelConfig): void {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start || end > blockCount) {
    throw new ShoalError(
      'wrong-range',
      `blocks ${start}:${end} are not a range of a model with ${blockCount} blocks`,
    )
  }
}

/** @throws {ShoalError} `bad-request` unless these are rows of the projection, cut where ranks may cut it */
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
