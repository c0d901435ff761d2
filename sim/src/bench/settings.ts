/** What every bench is told. */
export interface BenchSettings {
  /** REF; a random 1B model when absent. */
  readonly model: string | undefined
  /** Weight format of the processes, as in `--weights`; the usual one when absent. Only `benchesWithWeights` take it. */
  readonly weights: string | undefined
  readonly dataFolder: string
  /** Interleaved repetitions. */
  readonly rounds: number
  /** Tokens per measurement. */
  readonly tokens: number
  readonly report: (line: string) => void
}

/** Benches that compare ways to run one format; the others compare formats, or none of a model's size. */
export const benchesWithWeights: readonly string[] = ['pipeline', 'prefix', 'tensor-parallel', 'throughput']

/** Prompt tokens before the timed ones: the depth that compute.md's figures have. */
export const promptTokens = 16

/** Prompt ids spread over the vocabulary; the same for every run. */
export function benchPrompt(vocabularySize: number, length: number): number[] {
  return Array.from({ length }, (_, i) => (i * 7919 + 11) % vocabularySize)
}
