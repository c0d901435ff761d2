import type { Hono } from 'hono'
import type { Answerer } from '../completions/answerer.ts'
import { chatGeneration, textGeneration, type GenerationDependencies } from '../completions/generation.ts'
import { jsonOf } from '../json-body.ts'
import { parseBody } from '../parse-body.ts'
import { chatFace } from './chat-face.ts'
import { chatAsk, chatRequest } from './chat-request.ts'
import { responseFace } from './responses/face.ts'
import { responseAsk, responseRequest } from './responses/request.ts'
import { textFace } from './text-face.ts'
import { textAsk, textRequest } from './text-request.ts'

/** OpenAI's chat and text completions, and its responses. */
export function addOpenAi(app: Hono, answerer: Answerer, dependencies: GenerationDependencies): void {
  app.post('/v1/chat/completions', async (context) => {
    const request = parseBody(chatRequest, await jsonOf(context))
    const ask = chatAsk(request)
    return answerer.answer(context, {
      model: ask.model,
      stream: ask.stream,
      face: chatFace(request.stream_options?.include_usage ?? false),
      generation: (engine) => chatGeneration(engine, ask, dependencies),
    })
  })
  app.post('/v1/completions', async (context) => {
    const request = parseBody(textRequest, await jsonOf(context))
    const ask = textAsk(request)
    return answerer.answer(context, {
      model: ask.model,
      stream: ask.stream,
      face: textFace(request.stream_options?.include_usage ?? false),
      generation: (engine) => textGeneration(engine, ask, dependencies),
    })
  })
  app.post('/v1/responses', async (context) => {
    const request = parseBody(responseRequest, await jsonOf(context))
    const ask = responseAsk(request)
    return answerer.answer(context, {
      model: ask.model,
      stream: ask.stream,
      face: responseFace(request),
      generation: (engine) => chatGeneration(engine, ask, dependencies),
    })
  })
}
