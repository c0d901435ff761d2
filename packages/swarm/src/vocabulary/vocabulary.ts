import type { MemoryBudget } from '@shoal/host'
import type { Manifest, SamplingOptions } from '@shoal/model'
import { limits } from '@shoal/protocol'
import { residentHeadBytes, type Device, type EmbeddingTable, type HeadRunner } from '@shoal/runtime'
import { loadChargedHead } from '../groups/head/charged-head.ts'

/** Both ends of a model: token ids to rows of hidden states, and rows of hidden states to logits. */
export interface Vocabulary {
  readonly embedding: EmbeddingTable
  readonly head: HeadRunner
}

/** Where a coordinator gets embedding and head: from its own device, or from a peer. */
export interface VocabularySource {
  /**
   * The vocabulary of one answer.
   * @param best how many of the largest logits it is drawn from, 0 for all of them; the others may come as -Infinity
   */
  for(best: number): Vocabulary
  release(): Promise<void>
}

/** Embedding and head of this process. Needs units `embed` and `head`. */
export async function ownVocabulary(
  device: Pick<Device, 'loadEmbedding' | 'loadHead'>,
): Promise<VocabularySource> {
  const embedding = await device.loadEmbedding()
  let head: HeadRunner
  try {
    head = await device.loadHead()
  } catch (error) {
    await embedding.release()
    throw error
  }
  return {
    for: () => ({ embedding, head }),
    async release() {
      await head.release()
      await embedding.release()
    },
  }
}

/**
 * Embedding and head for others, within the memory that the node may use. Needs units `embed` and `head`.
 * @throws {ShoalError} `no-capacity` when the head does not fit beside what the node holds
 */
export async function servedVocabulary(
  device: Pick<Device, 'loadEmbedding' | 'loadHead'>,
  manifest: Manifest,
  memory: MemoryBudget,
): Promise<VocabularySource> {
  return ownVocabulary({
    loadEmbedding: () => device.loadEmbedding(),
    loadHead: () => loadChargedHead(memory, residentHeadBytes(manifest), () => device.loadHead()),
  })
}

/** How many of the largest logits decide what is drawn; 0 when any logit may. */
export function bestLogitsNeeded(
  { temperature, topK, repetitionPenalty, presencePenalty, frequencyPenalty, logitBias }: SamplingOptions,
  vocabularySize: number,
): number {
  const adjusted =
    repetitionPenalty !== 1 ||
    (presencePenalty ?? 0) !== 0 ||
    (frequencyPenalty ?? 0) !== 0 ||
    (logitBias?.size ?? 0) > 0
  if (adjusted) return 0
  if (temperature === 0) return 1
  return topK > 0 && topK <= limits.maxBestLogits && topK < vocabularySize ? topK : 0
}
