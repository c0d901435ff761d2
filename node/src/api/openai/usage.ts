import type { GenerateResult } from '@shoal/swarm'
import type { Generation } from '../completions/generation.ts'
import { countTokens } from '../completions/run.ts'

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

export function usageOf(generation: Generation, results: readonly GenerateResult[]): Usage {
  const { prompt, completion } = countTokens(generation, results)
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}
