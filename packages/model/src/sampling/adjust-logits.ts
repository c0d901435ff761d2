import type { SamplingOptions } from './sampling-types.ts'

/**
 * Changes logits before a draw. The result depends on the arguments only, so a replay adjusts as the first time.
 * @param logits one row; not changed
 * @param tokens prompt and output so far
 * @returns a row that stays valid until the next call
 */
export type AdjustLogits = (logits: Float32Array, tokens: readonly number[]) => Float32Array

/**
 * Bias, then the repetition penalty, then the frequency and presence penalties, in the order of vLLM.
 * @param promptTokens how many of the tokens are the prompt's: frequency and presence are those of the output
 * @returns null when the options change no logit
 */
export function createLogitAdjuster(
  options: SamplingOptions,
  vocabularySize: number,
  promptTokens: number,
): AdjustLogits | null {
  const { repetitionPenalty, presencePenalty = 0, frequencyPenalty = 0, logitBias } = options
  const repetition = repetitionPenalty !== 1
  const occurrence = presencePenalty !== 0 || frequencyPenalty !== 0
  const biases = [...(logitBias ?? [])].filter(([, bias]) => bias !== 0)
  if (!repetition && !occurrence && biases.length === 0) return null
  const row = new Float32Array(vocabularySize)
  /** All zero between the steps. */
  const counts = new Uint32Array(repetition || occurrence ? vocabularySize : 0)
  return (logits, tokens) => {
    row.set(logits)
    for (const [id, bias] of biases) row[id] = (row[id] as number) + bias
    if (repetition) penaliseRepetition(row, counts, tokens, repetitionPenalty)
    if (occurrence) penaliseOccurrence(row, counts, tokens, promptTokens, presencePenalty, frequencyPenalty)
    return row
  }
}

/** A token that occurs twice is penalised once. */
function penaliseRepetition(
  row: Float32Array,
  counts: Uint32Array,
  tokens: readonly number[],
  penalty: number,
): void {
  for (const id of tokens) {
    if (counts[id] !== 0) continue
    counts[id] = 1
    const logit = row[id] as number
    row[id] = logit > 0 ? logit / penalty : logit * penalty
  }
  for (const id of tokens) counts[id] = 0
}

/** Counts first: subtracting one occurrence after another would round each time. */
function penaliseOccurrence(
  row: Float32Array,
  counts: Uint32Array,
  tokens: readonly number[],
  from: number,
  presence: number,
  frequency: number,
): void {
  for (let index = from; index < tokens.length; index++) {
    const id = tokens[index] as number
    counts[id] = (counts[id] as number) + 1
  }
  for (let index = from; index < tokens.length; index++) {
    const id = tokens[index] as number
    const count = counts[id]
    if (count === undefined || count === 0) continue
    row[id] = (row[id] as number) - (presence + frequency * count)
    counts[id] = 0
  }
}
