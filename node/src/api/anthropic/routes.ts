import type { Hono } from 'hono'
import type { MessageTokensCount } from '@anthropic-ai/sdk/resources/messages'
import type { Answerer } from '../completions/answerer.ts'
import { chatPrompt } from '../completions/chat-prompt.ts'
import { chatGeneration, type GenerationDependencies } from '../completions/generation.ts'
import { jsonOf } from '../json-body.ts'
import { parseBody } from '../parse-body.ts'
import { messageFace } from './message-face.ts'
import { countAsk, countRequest, messageAsk, messageRequest } from './message-request.ts'

/** Anthropic's messages. */
export function addAnthropic(app: Hono, answerer: Answerer, dependencies: GenerationDependencies): void {
  app.post('/v1/messages', async (context) => {
    const ask = messageAsk(parseBody(messageRequest, await jsonOf(context)))
    return answerer.answer(context, {
      model: ask.model,
      stream: ask.stream,
      face: messageFace,
      generation: (engine) => chatGeneration(engine, ask, dependencies),
    })
  })
  app.post('/v1/messages/count_tokens', async (context) => {
    const ask = countAsk(parseBody(countRequest, await jsonOf(context)))
    return answerer.inPlace(context, ask.model, async (engine, { leave }) => {
      const { promptIds } = await chatPrompt(engine, ask)
      leave()
      const count: MessageTokensCount = { input_tokens: promptIds.length }
      return Response.json(count)
    })
  })
}
