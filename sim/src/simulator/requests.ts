import type { Random } from '@shoal/host'
import type { GenerateRequest } from '@shoal/swarm'

/** Makes a random request of `promptTokens` tokens, greedy or sampled; equal for equal random numbers. */
export function makeRequest(
  random: Random,
  promptTokens: number,
  maxTokens: number,
  vocabularySize: number,
): GenerateRequest {
  const promptIds = Array.from({ length: promptTokens }, () => Math.floor(random.unit() * vocabularySize))
  const greedy = random.unit() < 0.5
  return {
    promptIds,
    maxTokens,
    sampling: {
      temperature: greedy ? 0 : 0.9,
      topK: 0,
      topP: 1,
      repetitionPenalty: 1,
      seed: random.uint32(),
    },
  }
}
