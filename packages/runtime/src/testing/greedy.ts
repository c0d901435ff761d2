import type { Pipeline } from './pipeline.ts'

/** The likeliest token, so many times, and the logits behind the last one. */
export async function greedyTokens(
  pipeline: Pipeline,
  session: string,
  promptLogits: Float32Array,
  count: number,
): Promise<{ tokens: number[]; logits: Float32Array }> {
  const tokens: number[] = []
  let logits = promptLogits.slice(-pipeline.vocabularySize)
  for (let step = 0; step < count; step += 1) {
    const token = logits.indexOf(Math.max(...logits))
    tokens.push(token)
    logits = (await pipeline.logits(session, [token])).slice()
  }
  return { tokens, logits }
}

export function largestDifference(found: Float32Array, expected: Float32Array): number {
  if (found.length !== expected.length) return Number.NaN
  return found.reduce(
    (largest, value, index) => Math.max(largest, Math.abs(value - (expected[index] ?? Number.NaN))),
    0,
  )
}
