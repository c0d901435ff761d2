import { uniformAt } from '../sources/random/counter-random.ts'
import { ModelError } from '../error.ts'
import { createLogitAdjuster } from './adjust-logits.ts'
import { maskLogits, type TokenMask } from '../grammar/token-mask.ts'
import { checkSampling } from './check-sampling.ts'
import { largestCandidates } from './largest-candidates.ts'
import { nucleus, weightOf } from './nucleus.ts'
import type { SamplingOptions } from './sampling-types.ts'

/** Draws tokens. It holds scratch memory for one vocabulary, so a sampler serves one session at a time. */
export interface Sampler {
  /**
   * @param logits one row, `vocabularySize` float32; not changed
   * @param position of the token being drawn; the draw is a pure function of (logits, seed, position, tokens)
   * @param tokens prompt and output so far, for the penalties
   * @param allowed tokens that may be drawn; all when absent
   */
  sample(logits: Float32Array, position: number, tokens: readonly number[], allowed?: TokenMask): number
}

/**
 * Applies bias and penalties, temperature, top-k, top-p and min-p, in the order of transformers, then draws once. Candidates
 * are ordered by (logit descending, id ascending), a total order, so the result does not depend on a sort's stability.
 *
 * @param promptTokens how many of the tokens given to `sample` are the prompt's
 * @throws {ModelError} `bad-request` for options that make no sense
 */
export function createSampler(
  options: SamplingOptions,
  vocabularySize: number,
  promptTokens: number = 0,
): Sampler {
  checkSampling(options, vocabularySize)
  const { temperature, topP, minP = 0, seed } = options
  const adjust = createLogitAdjuster(options, vocabularySize, promptTokens)
  let scratch: Float32Array | null = null
  const only = (adjusted: Float32Array, allowed: TokenMask): Float32Array => {
    scratch ??= new Float32Array(vocabularySize)
    maskLogits(adjusted, allowed, scratch)
    return scratch
  }
  return {
    sample: (logits, position, tokens, allowed) => {
      if (logits.length !== vocabularySize)
        throw new Error(`a row of ${vocabularySize} logits is needed, not ${logits.length}`)
      const adjusted = adjust === null ? logits : adjust(logits, tokens)
      const row = allowed === undefined ? adjusted : only(adjusted, allowed)
      const best = greedy(row)
      if (temperature === 0) return best
      const topK = options.topK === 0 ? vocabularySize : Math.min(options.topK, vocabularySize)
      if (topK === 1) return best
      const target = uniformAt(seed, position)
      return topK === vocabularySize && topP === 1
        ? drawFromAll(row, best, { temperature, minP, target })
        : drawFromTop(row, best, { topK, topP, temperature, minP, target })
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

interface Draw {
  readonly temperature: number
  readonly minP: number
  /** Where in [0, 1) the draw falls. */
  readonly target: number
}

/** Draws from the whole vocabulary in two passes, without a list of candidates. Weights are summed in float64, in id order. */
function drawFromAll(row: Float32Array, best: number, { temperature, minP, target }: Draw): number {
  const largest = row[best] as number
  // The largest weight is 1, so min-p is the smallest weight that counts.
  const weightAt = (id: number): number => {
    const weight = weightOf(row[id] as number, largest, temperature)
    return weight < minP ? 0 : weight
  }
  let total = 0
  for (let id = 0; id < row.length; id++) total += weightAt(id)
  let rest = target * total
  for (let id = 0; id < row.length; id++) {
    const weight = weightAt(id)
    if (rest < weight) return id
    rest -= weight
  }
  // Rounding may leave the drawn number slightly above the sum of the weights.
  return best
}

function drawFromTop(
  row: Float32Array,
  best: number,
  { topK, topP, temperature, minP, target }: Draw & { readonly topK: number; readonly topP: number },
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
  while (kept < weights.length && (kept === 0 || (total < topP * mass && (weights[kept] as number) >= minP)))
    total += weights[kept++] as number
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
