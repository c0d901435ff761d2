import { seededRandom } from '@shoal/host'
import { createSampler } from '@shoal/model'
import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'
import { generateTokens, type TokenSampler } from '../../../generation/generate.ts'
import type { HiddenSession } from '../../../route/types.ts'
import type { FakeSwarm } from '../../../testing/fake-swarm.ts'
import type { Drafter } from '../drafters/drafter.ts'
import type { Speculation } from '../speculate.ts'

export const vocabularySize = 50
export const promptIds = [3, 1, 4, 1, 5, 9, 2, 6]
export const maxTokens = 60

/** Embeddings of eight values for each token. */
export const embedding: EmbeddingTable = {
  lookup: async (ids) =>
    Float32Array.from(
      ids.flatMap((id) => Array.from({ length: 8 }, (_, i) => Math.fround(Math.cos(id * 7 + i)))),
    ),
  release: async () => undefined,
}

export const head: HeadRunner = {
  logits: async (hidden) =>
    Float32Array.from({ length: (hidden.length / 8) * vocabularySize }, (_, index) => {
      const row = Math.floor(index / vocabularySize)
      return hidden
        .subarray(row * 8, row * 8 + 8)
        .reduce((sum, value, i) => sum + value * Math.sin((index % vocabularySize) * 3 + i), 0)
    }),
  release: async () => undefined,
}

/** Takes the best token and moves it by position and text, as penalties could. */
export const greedy = (): TokenSampler => ({
  sample(logits: Float32Array, position: number, tokens: readonly number[]): number {
    const best = logits.indexOf(Math.max(...logits))
    return (best + position + tokens.length + tokens.at(-2)!) % vocabularySize
  },
})

/** The product's sampler at temperature 1, with a penalty that depends on the answer's tokens. */
export const sampled = (seed: number): TokenSampler => {
  const options = { temperature: 1, topK: 0, topP: 0.95, repetitionPenalty: 1.1, seed }
  return createSampler(options, vocabularySize, promptIds.length)
}

/** The tokens of an answer, which are also added to `taken` one by one. */
export async function answer(
  session: HiddenSession,
  sampler: TokenSampler,
  speculation?: Speculation,
  taken: number[] = [],
): Promise<number[]> {
  const drafting = speculation === undefined ? {} : { speculation }
  const tokens = generateTokens({ session, embedding, head, sampler, promptIds, maxTokens, ...drafting })
  for await (const { tokenId, position } of tokens) {
    if (position !== promptIds.length + taken.length) throw new Error(`position ${position} is out of order`)
    taken.push(tokenId)
  }
  return taken
}

/** The tokens of one process that drafts nothing. */
export const plainAnswer = async (swarm: FakeSwarm, sampler: TokenSampler): Promise<number[]> =>
  answer(await swarm.openLocal(), sampler)

/** Knows the answer, and says the right token with this chance. */
export function oracle(known: readonly number[], chance: number, seed = 1): Drafter {
  const random = seededRandom(seed)
  let length = -promptIds.length
  return {
    append: () => void (length += 1),
    kind: 3,
    draft: (ahead, count) =>
      known
        .slice(length + ahead.length, length + ahead.length + count)
        .map((tokenId) => (random.unit() < chance ? tokenId : (tokenId + 1) % vocabularySize)),
  }
}
