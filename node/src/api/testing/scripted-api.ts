import type { Tokenizer } from '@shoal/model'
import type { GenerateEvent, GenerateResult } from '@shoal/swarm'
import { createApiClient, type ApiClient } from './api-client.ts'
import { createFakeEngine } from './fake-engine.ts'

/** An API whose model writes this text, two letters to a token, and whose prompts are noted. */
export function scriptedApi(text: string): { client: ApiClient; prompts: string[]; grammars: unknown[] } {
  const letters = createFakeEngine().tokenizer!
  const prompts: string[] = []
  const grammars: unknown[] = []
  // Long prompts of tools do not fit into the context of the letters.
  const tokenizer: Tokenizer = {
    ...letters,
    encode: async (prompt) => {
      prompts.push(prompt)
      return [97]
    },
  }
  const engine = createFakeEngine({ tokenizer })
  const original = engine.generate.bind(engine)
  Object.assign(engine, {
    async *generate(request: Parameters<typeof original>[0]): AsyncGenerator<GenerateEvent> {
      grammars.push(request.grammar)
      const letter = { ...request, promptIds: [97], maxTokens: 1 }
      let result: GenerateResult | null = null
      for await (const event of original(letter)) if (event.type === 'done') result = event.result
      for (let at = 0; at < text.length; at += 2)
        yield { type: 'token', tokenId: 97, text: text.slice(at, at + 2) }
      yield {
        type: 'done',
        text: '',
        result: { ...result!, text, finishReason: 'stop', completionTokens: Math.ceil(text.length / 2) },
      }
    },
  })
  return { client: createApiClient({}, { engine }), prompts, grammars }
}
