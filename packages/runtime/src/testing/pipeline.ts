import { createMemoryBudget } from '@shoal/host'
import type { BlockRunner, Device } from '../block-runner.ts'

/** A whole model on one device, cut into spans: token ids in, logits out. */
export interface Pipeline {
  readonly runners: readonly BlockRunner[]
  readonly vocabularySize: number
  open(session: string, tokenBudget: number): Promise<void>
  /** Appends the tokens. @returns float32 `[tokenIds.length, vocabularySize]` */
  logits(session: string, tokenIds: readonly number[]): Promise<Float32Array>
  /** Appends rows of hidden states. @returns the same shape, behind the last block */
  forward(session: string, hidden: Float32Array): Promise<Float32Array>
  /** Of all blocks in order. */
  exportKeyValues(session: string): Promise<Float32Array>
  close(session: string): Promise<void>
  release(): Promise<void>
}

/** @param cut block boundaries, e.g. `[0, 2, 3]` for spans 0:2 and 2:3 */
export async function loadPipeline(
  device: Device,
  cut: readonly number[],
  memoryLimitBytes: number,
): Promise<Pipeline> {
  const embedding = await device.loadEmbedding()
  const head = await device.loadHead()
  const runners: BlockRunner[] = []
  for (const [index, end] of cut.slice(1).entries())
    runners.push(
      await device.loadBlocks(
        { start: cut[index] ?? 0, end },
        { memory: createMemoryBudget(memoryLimitBytes) },
      ),
    )
  const [first] = runners
  if (first === undefined) throw new Error('a pipeline has a span')
  const probe = await head.logits(new Float32Array(first.hiddenSize))

  const forward = async (session: string, hidden: Float32Array): Promise<Float32Array> => {
    let state = hidden
    for (const runner of runners) state = await runner.forward(session, runner.length(session), state)
    return state
  }
  return {
    runners,
    vocabularySize: probe.length,
    forward,
    async open(session, tokenBudget) {
      for (const runner of runners) await runner.open(session, tokenBudget)
    },
    logits: async (session, tokenIds) =>
      head.logits(await forward(session, await embedding.lookup(tokenIds))),
    async exportKeyValues(session) {
      const parts = await Promise.all(runners.map((runner) => runner.exportKeyValues(session)))
      return Float32Array.from(parts.flatMap((part) => [...part]))
    },
    async close(session) {
      for (const runner of runners) await runner.close(session)
    },
    async release() {
      for (const runner of runners) await runner.release()
      await head.release()
      await embedding.release()
    },
  }
}
