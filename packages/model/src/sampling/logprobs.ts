import { ModelError } from '../error.ts'
import { largestCandidates } from './largest-candidates.ts'

export interface TokenLogprob {
  readonly tokenId: number
  /** Natural logarithm of the token's probability at temperature 1. */
  readonly logprob: number
}

/** Most alternatives one may ask for; OpenAI's API allows 20. */
export const topLogprobsMax = 20

/**
 * Log-probability of the drawn token and of the `top` most likely ones, from unmodified logits.
 * @param logits one row of float32
 */
export function logprobs(
  logits: Float32Array,
  tokenId: number,
  top: number,
): { readonly logprob: number; readonly top: readonly TokenLogprob[] } {
  if (!Number.isInteger(top) || top < 0 || top > topLogprobsMax)
    throw new ModelError('bad-request', `from 0 to ${topLogprobsMax} alternatives can be given, not ${top}`)
  const logit = logits[tokenId]
  if (logit === undefined)
    throw new ModelError('bad-request', `token ${tokenId} is not in a vocabulary of ${logits.length}`)
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++)
    if ((logits[id] as number) > largest) largest = logits[id] as number
  let total = 0
  for (let id = 0; id < logits.length; id++) total += Math.exp((logits[id] as number) - largest)
  const offset = largest + Math.log(total)
  return {
    logprob: logit - offset,
    top: Array.from(largestCandidates(logits, top), (id) => ({
      tokenId: id,
      logprob: (logits[id] as number) - offset,
    })),
  }
}
