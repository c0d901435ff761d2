import type { Hono } from 'hono'
import { z } from 'zod'
import type { Answerer } from '../completions/answerer.ts'
import { chatGeneration, textGeneration, type GenerationDependencies } from '../completions/generation.ts'
import { jsonOf } from '../json-body.ts'
import { checkModel } from '../models.ts'
import { parseBody } from '../parse-body.ts'
import { engineOf, type Service } from '../service.ts'
import { chatFace, generateFace, loaded } from './face.ts'
import { listedModel, ollamaVersion, runningModel, shownModel } from './models.ts'
import { chatAsk, chatRequest, generateAsk, generateRequest, rawAsk } from './requests.ts'

const showRequest = z.object({ model: z.string().optional(), name: z.string().optional() })

/** Ollama's API, as far as a model that is there already needs it. */
export function addOllama(
  app: Hono,
  answerer: Answerer,
  service: Service,
  dependencies: GenerationDependencies,
): void {
  app.get('/api/version', () => Response.json({ version: ollamaVersion }))
  app.get('/api/tags', () => Response.json({ models: [listedModel(engineOf(service))] }))
  app.get('/api/ps', () => Response.json({ models: [runningModel(engineOf(service))] }))
  app.post('/api/show', async (context) => {
    const { model, name } = parseBody(showRequest, await jsonOf(context))
    return Response.json(shownModel(engineOf(service), model ?? name ?? ''))
  })
  const load = (model: string, write: 'chat' | 'generate'): Response => {
    checkModel(engineOf(service), model)
    return Response.json(loaded(model, write, dependencies.clock.wallMs()))
  }
  app.post('/api/chat', async (context) => {
    const request = parseBody(chatRequest, await jsonOf(context))
    if ((request.messages ?? []).length === 0) return load(request.model, 'chat')
    const ask = chatAsk(request)
    return answerer.answer(context, {
      model: ask.model,
      stream: ask.stream,
      face: chatFace,
      generation: (engine) => chatGeneration(engine, ask, dependencies),
    })
  })
  app.post('/api/generate', async (context) => {
    const request = parseBody(generateRequest, await jsonOf(context))
    if ((request.prompt ?? '') === '') return load(request.model, 'generate')
    return answerer.answer(context, {
      model: request.model,
      stream: request.stream ?? true,
      face: generateFace,
      generation: (engine) =>
        request.raw === true
          ? textGeneration(engine, rawAsk(request), dependencies)
          : chatGeneration(engine, generateAsk(request), dependencies),
    })
  })
}
