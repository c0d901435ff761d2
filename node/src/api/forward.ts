import type { Hono } from 'hono'
import { z } from 'zod'
import type { Engine } from '@shoal/swarm'
import type { Answerer } from './completions/answerer.ts'
import { ApiError } from './errors.ts'
import { jsonOf } from './json-body.ts'
import { apiLimits } from './limits.ts'
import { parseBody } from './parse-body.ts'

/** `POST /v1/forward`, which is not OpenAI's: hidden states and logits of token ids, for research. */
const forwardRequest = z.strictObject({
  model: z.string(),
  token_ids: z.array(z.int().min(0)).min(1),
  /** `[0, end)`: only the first `end` blocks. */
  layers: z.tuple([z.literal(0), z.int().min(1)]).nullish(),
})

type ForwardRequest = z.infer<typeof forwardRequest>

export function addForward(app: Hono, answerer: Answerer): void {
  app.post('/v1/forward', async (context) => {
    const request = parseBody(forwardRequest, await jsonOf(context))
    return answerer.inPlace(context, request.model, (engine, { signal, leave }) =>
      forwardAnswer(engine, request, signal).finally(leave),
    )
  })
}

/** Computes the rows and answers with float32 numbers, least byte first, in base64. @throws {ApiError} */
async function forwardAnswer(
  engine: Engine,
  { model, token_ids: tokenIds, layers }: ForwardRequest,
  signal: AbortSignal,
): Promise<Response> {
  const { hiddenSize, vocabularySize, blockCount } = engine.manifest.manifest.config
  const columns = hiddenSize + ((layers?.[1] ?? blockCount) < blockCount ? 0 : vocabularySize)
  const bytes = tokenIds.length * columns * Float32Array.BYTES_PER_ELEMENT
  if (bytes > apiLimits.maxForwardBytes) {
    const most = Math.floor(apiLimits.maxForwardBytes / (columns * Float32Array.BYTES_PER_ELEMENT))
    throw new ApiError(
      400,
      `the answer would have ${bytes} bytes, more than ${apiLimits.maxForwardBytes}: send at most ${most} token ids at once, or ask for fewer layers`,
      { code: 'limit-exceeded', param: 'token_ids' },
    )
  }
  const { hiddenStates, logits } = await engine.forward(tokenIds, {
    signal,
    ...(layers ? { layers } : {}),
  })
  return Response.json({
    object: 'forward',
    model,
    token_count: tokenIds.length,
    hidden_size: hiddenSize,
    vocabulary_size: vocabularySize,
    hidden_states: base64Of(hiddenStates),
    logits: logits === null ? null : base64Of(logits),
  })
}

/** All machines that Node runs on store the least byte first. */
const base64Of = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')
