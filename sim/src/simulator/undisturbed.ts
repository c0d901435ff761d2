import { createMemoryBudget } from '@shoal/host'
import type { Clock } from '@shoal/host'
import { createLocalSession } from '@shoal/session'
import { createEngine, type Engine, type GenerateRequest } from '@shoal/swarm'
import type { TinyModel } from './tiny-model.ts'

/** Answers of one process alone: the tokens that every disturbed run must give too. */
export interface Undisturbed {
  tokens(request: GenerateRequest): Promise<readonly number[]>
}

export async function createUndisturbed(model: TinyModel, clock: Clock): Promise<Undisturbed> {
  const { manifest, device } = model
  const runner = await device.loadBlocks(
    { start: 0, end: manifest.manifest.config.blockCount },
    { memory: createMemoryBudget(2 ** 30) },
  )
  const [embedding, head] = [await device.loadEmbedding(), await device.loadHead()]
  let sessions = 0
  const engine: Engine = createEngine({
    clock,
    manifest,
    tokenizer: null,
    defaultSampling: { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 },
    embedding,
    head,
    openSession: (tokenBudget) =>
      createLocalSession([runner], { session: `undisturbed-${(sessions += 1)}`, tokenBudget }),
    close: () => runner.release(),
  })
  return {
    async tokens(request) {
      const tokens: number[] = []
      for await (const event of engine.generate(request))
        if (event.type === 'token') tokens.push(event.tokenId)
      return tokens
    },
  }
}
