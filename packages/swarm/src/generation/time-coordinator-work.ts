import type { Clock } from '@shoal/host'
import { createSampler } from '@shoal/model'
import type { EmbeddingTable, HeadRunner } from '@shoal/runtime'

/** Number of timed tokens. One token more is computed before them, in which buffers are allocated. */
const turns = 5

/** What a coordinator does itself with each token, in milliseconds: embedding, head and sampler, the median of a few. */
export async function timeCoordinatorWork(
  clock: Clock,
  embedding: EmbeddingTable,
  head: HeadRunner,
): Promise<number> {
  const durations: number[] = []
  for (let turn = 0; turn <= turns; turn += 1) {
    const startMs = clock.nowMs()
    const logits = await head.logits(await embedding.lookup([0]))
    createSampler({ temperature: 0, topP: 1, topK: 0, repetitionPenalty: 1, seed: 0 }, logits.length).sample(
      logits,
      1,
      [0],
    )
    if (turn > 0) durations.push(clock.nowMs() - startMs)
  }
  return durations.sort((a, b) => a - b)[turns >> 1] ?? 0
}
