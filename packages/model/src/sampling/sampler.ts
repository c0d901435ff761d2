import { uniformAt } from '../sources/random/counter-random.ts'
import { ModelError } from '../error.ts'
import { largestCandidates } from './largest-candidates.ts'
import { nucleus, weightOf } from './nucleus.ts'
import type { SamplingOptions } from './sampling-types.ts'

/** Draws tokens. It holds scratch memory for one vocabulary, so a sampler serves one session at a time. */
export interface Sampler {
  /**
   * @param logits one row, `vocabularySize` float32; not changed
   * @param position of the token being drawn; the draw is a pure function of (logits, seed, position, tokens)
   * @param tokens prompt and output so far, for the repetition penalty
   */
  sample(logits: Float32Array, position: number, tokens: readonly number[]): number
}

/**
 * Applies penalty, temperature, top-k and top-p, in the order of transformers, then draws once. Candidates are ordered by
 * (logit descending, id ascending), a total order, so the result does not depend on a sort's stability.
 *
 * @throws {ModelError} `bad-request` for options that make no sense
 */
export function createSampler(options: SamplingOptions, vocabularySize: number): Sampler {
  checkOptions(options)
  const { temperature, topP, repetitionPenalty, seed } = options
  const scratch = repetitionPenalty === 1 ? null : new Float32Array(vocabularySize)
  return {
    sample: (logits, position, tokens) => {
      if (logits.length !== vocabularySize)
        throw new Error(`a row of ${vocabularySize} logits is needed, not ${logits.length}`)
      const row = scratch === null ? logits : penalise(logits, scratch, tokens, repetitionPenalty)
      const best = greedy(row)
      if (temperature === 0) return best
      const topK = options.topK === 0 ? vocabularySize : Math.min(options.topK, vocabularySize)
      if (topK === 1) return best
      const target = uniformAt(seed, position)
      return topK === vocabularySize && topP === 1
        ? drawFromAll(row, best, temperature, target)
        : drawFromTop(row, best, topK, topP, temperature, target)
    },
  }
}

/**
 * The smallest id among the largest logits. NaN never wins.
 * @throws {ModelError} `bad-model` when all logits are NaN or -Infinity
 */
export function greedy(logits: Float32Array): number {
  let best = -1
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number
    if (logit > largest) {
      largest = logit
      best = id
    }
  }
  if (best < 0) throw new ModelError('bad-model', 'the model gave no logit that is a number')
  return best
}

/** CTRL (Keskar et al. 2019): logits of tokens seen before are divided when positive, multiplied when negative. */
function penalise(
  logits: Float32Array,
  row: Float32Array,
  tokens: readonly number[],
  penalty: number,
): Float32Array {
  row.set(logits)
  for (const id of tokens) {
    const logit = logits[id]
    // Reads the unmodified row, so that a token that occurs twice is penalised once.
    if (logit !== undefined) row[id] = logit > 0 ? logit / penalty : logit * penalty
  }
  return row
}

/** Draws from the whole vocabulary in two passes, without a list of candidates. Weights are summed in float64, in id order. */
function drawFromAll(row: Float32Array, best: number, temperature: number, target: number): number {
  const largest = row[best] as number
  let total = 0
  for (let id = 0; id < row.length; id++) total += weightOf(row[id] as number, largest, temperature)
  let rest = target * total
  for (let id = 0; id < row.length; id++) {
    const weight = weightOf(row[id] as number, largest, temperature)
    if (rest < weight) return id
    rest -= weight
  }
  // Rounding may leave the drawn number slightly above the sum of the weights.
  return best
}

function drawFromTop(
  row: Float32Array,
  best: number,
  topK: number,
  topP: number,
  temperature: number,
  target: number,
): number {
  const largest = row[best] as number
  // With top-k, top-p refers to the weight of the k candidates; without, to that of the whole vocabulary.
  const { candidates, mass } =
    topK < row.length
      ? topCandidates(row, largest, topK, temperature)
      : nucleus(row, largest, topP, temperature)
  const weights = Float64Array.from(candidates, (id) => weightOf(row[id] as number, largest, temperature))
  let kept = 0
  let total = 0
  while (kept < weights.length && (kept === 0 || total < topP * mass)) total += weights[kept++] as number
  let rest = target * total
  for (let index = 0; index < kept; index++) {
    rest -= weights[index] as number
    if (rest < 0) return candidates[index] as number
  }
  return best
}

function topCandidates(
  row: Float32Array,
  largest: number,
  topK: number,
  temperature: number,
): { candidates: Uint32Array; mass: number } {
  const candidates = largestCandidates(row, topK)
  return {
    candidates,
    mass: candidates.reduce((sum, id) => sum + weightOf(row[id] as number, largest, temperature), 0),
  }
}

function checkOptions({ temperature, topK, topP, repetitionPenalty, seed }: SamplingOptions): void {
  const check = (holds: boolean, sentence: string): void => {
    if (!holds) throw new ModelError('bad-request', sentence)
  }
  check(temperature >= 0 && temperature <= 100, `temperature must be from 0 to 100, not ${temperature}`)
  check(Number.isSafeInteger(topK) && topK >= 0, `top-k must be a whole number from 0, not ${topK}`)
  check(topP > 0 && topP <= 1, `top-p must be above 0 and at most 1, not ${topP}`)
  check(
    repetitionPenalty > 0 && repetitionPenalty <= 100,
    `the repetition penalty must be above 0 and at most 100, not ${repetitionPenalty}`,
  )
  check(
    Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff,
    `the seed must be an unsigned number of 32 bits, not ${seed}`,
  )
}
