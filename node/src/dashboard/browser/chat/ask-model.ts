import { createParser } from 'eventsource-parser'
import { askApi, readText, RefusedRequest } from '../net/api.ts'
import type { PageClock } from '../page-clock.ts'
import type { Figures, Message } from './conversation.ts'

interface Chunk {
  readonly error?: { readonly message: string; readonly code?: string | null }
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
}

export interface Asked {
  readonly end: 'complete' | 'length'
  readonly figures: Figures | null
}

/**
 * Asks for one answer and hands its text on as it comes.
 * @throws {RefusedRequest} also for an error in the middle of the answer
 */
export async function askModel(
  clock: PageClock,
  request: {
    readonly model: string
    readonly messages: readonly Message[]
    readonly sampling: Record<string, number>
  },
  on: { text(text: string): void; reasoning(text: string): void },
  signal: AbortSignal,
): Promise<Asked> {
  const startMs = clock.nowMs()
  let firstMs: number | null = null
  let lastMs = startMs
  let usage: Chunk['usage'] = null
  let reason: string | null = null
  const { body } = await askApi('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: request.model,
      messages: request.messages,
      ...request.sampling,
      stream: true,
      stream_options: { include_usage: true },
    }),
    signal,
  })
  const take = (data: string): void => {
    if (data === '[DONE]') return
    const chunk = JSON.parse(data) as Chunk
    if (chunk.error !== undefined)
      throw new RefusedRequest(200, chunk.error.message, chunk.error.code ?? null)
    const choice = chunk.choices?.[0]
    const [text, thought] = [choice?.delta?.content ?? '', choice?.delta?.reasoning_content ?? '']
    if (text !== '' || thought !== '') {
      lastMs = clock.nowMs()
      firstMs ??= lastMs
    }
    if (thought !== '') on.reasoning(thought)
    if (text !== '') on.text(text)
    reason = choice?.finish_reason ?? reason
    usage = chunk.usage ?? usage
  }
  const parser = createParser({ onEvent: ({ data }) => take(data) })
  await readText(body!, (text) => parser.feed(text))
  if (reason === null)
    throw new RefusedRequest(200, 'the answer broke off: the node closed the connection', null)
  return {
    end: reason === 'length' ? 'length' : 'complete',
    figures: figuresOf(usage, startMs, firstMs, lastMs),
  }
}

function figuresOf(
  usage: Chunk['usage'],
  startMs: number,
  firstMs: number | null,
  lastMs: number,
): Figures | null {
  if (usage === null || usage === undefined || firstMs === null) return null
  const { prompt_tokens: promptTokens, completion_tokens: tokens } = usage
  return {
    promptTokens,
    tokens,
    // The first token pays for the prompt.
    tokensPerSecond: (Math.max(0, tokens - 1) * 1000) / Math.max(1, lastMs - firstMs),
    firstMs: firstMs - startMs,
  }
}
