import type { ExpertsSpec, GroupedRouting } from '@shoal/model'
import { largest } from './largest.ts'

/**
 * The experts of one row by the rules of DeepSeek: of the groups with the best scores, those with the best scores; of equals
 * the first. All in float64; each weight is rounded once.
 *
 * @param logits `[count]`, and behind them, where scores are corrected, what is added to them for the choice
 * @returns experts ascending, with their weights
 */
export function chooseGrouped(
  { count, activeCount, normalised }: ExpertsSpec,
  { scores: kind, groups, activeGroups, scale, corrected }: GroupedRouting,
  logits: Float32Array,
): { readonly experts: Int32Array; readonly weights: Float32Array } {
  const scores = scoresOf(kind, logits.subarray(0, count))
  const corrections = corrected ? logits.subarray(logits.length - count) : null
  const choice = scores.map((score, index) => score + (corrections?.[index] ?? 0))
  const groupSize = count / groups
  const groupScores = Float64Array.from({ length: groups }, (_, group) => {
    const own = choice.subarray(group * groupSize, (group + 1) * groupSize)
    const best = largest(own, Math.min(kind === 'sigmoid' ? 2 : 1, groupSize))
    return best.reduce((sum, index) => sum + (own[index] as number), 0)
  })
  const open = new Set(largest(groupScores, activeGroups))
  const allowed = choice.map((score, index) =>
    open.has(Math.floor(index / groupSize)) ? score : Number.NEGATIVE_INFINITY,
  )
  const experts = largest(allowed, activeCount).sort()
  const total = normalised ? experts.reduce((sum, index) => sum + (scores[index] as number), 1e-20) : 1
  return {
    experts,
    weights: Float32Array.from(experts, (index) => ((scores[index] as number) / total) * scale),
  }
}

function scoresOf(kind: GroupedRouting['scores'], logits: Float32Array): Float64Array {
  const most = logits.reduce((max, logit) => Math.max(max, logit), Number.NEGATIVE_INFINITY)
  const scores = Float64Array.from(logits, (logit) =>
    kind === 'sigmoid' ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit - most),
  )
  if (kind === 'sigmoid') return scores
  const total = scores.reduce((sum, score) => sum + score, 0)
  return scores.map((score) => score / total)
}
