import type { Hono } from 'hono'
import { z } from 'zod'
import { checkCharacters, checkIds, tokenizerOf } from './completions/prompts.ts'
import type { Answerer } from './completions/answerer.ts'
import { ApiError } from './errors.ts'
import { jsonOf } from './json-body.ts'
import { parseBody } from './parse-body.ts'

/** The prompt stands in `prompt`, as vLLM takes it, or in `content`, as llama.cpp does. */
export const tokenizeRequest = z
  .strictObject({
    model: z.string().optional(),
    prompt: z.string().optional(),
    content: z.string().optional(),
    add_special_tokens: z.boolean().optional(),
    add_special: z.boolean().optional(),
  })
  .refine(({ prompt, content }) => prompt !== undefined || content !== undefined, {
    path: ['prompt'],
    message: 'a text is needed',
  })

export const detokenizeRequest = z.strictObject({
  model: z.string().optional(),
  tokens: z.array(z.int().min(0)),
})

/** `POST /tokenize` and `POST /detokenize`, which are not OpenAI's. A place bounds the work, as it does that of answers. */
export function addTokenize(app: Hono, answerer: Answerer): void {
  app.post('/tokenize', async (context) => {
    const request = parseBody(tokenizeRequest, await jsonOf(context))
    const text = request.prompt ?? request.content ?? ''
    return answerer.inPlace(context, request.model ?? null, async (engine, { leave }) => {
      checkCharacters(engine, text.length)
      // vLLM adds the special tokens of a prompt unless it is told not to, and llama.cpp the other way round.
      const addSpecialTokens =
        request.add_special_tokens ?? request.add_special ?? request.prompt !== undefined
      const tokens = await tokenizerOf(engine).encode(text, { addSpecialTokens })
      leave()
      return Response.json({
        tokens,
        count: tokens.length,
        max_model_len: engine.manifest.manifest.config.contextLength,
      })
    })
  })
  app.post('/detokenize', async (context) => {
    const request = parseBody(detokenizeRequest, await jsonOf(context))
    return answerer.inPlace(context, request.model ?? null, async (engine, { leave }) => {
      const { contextLength } = engine.manifest.manifest.config
      if (request.tokens.length > contextLength)
        throw new ApiError(400, `at most ${contextLength} tokens, the context's length, are possible`, {
          code: 'context_length_exceeded',
          param: 'tokens',
        })
      checkIds(engine, request.tokens, 'tokens')
      const text = tokenizerOf(engine).decode(request.tokens)
      leave()
      return Response.json({ prompt: text, content: text })
    })
  })
}
