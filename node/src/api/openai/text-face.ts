import type { GenerateResult } from '@shoal/swarm'
import { eventStreamType, sseComment, sseMessage, type Face, type FaceStream } from '../completions/face.ts'
import type { Generation } from '../completions/generation.ts'
import { textLogprobs } from './logprobs.ts'
import { usageOf } from './usage.ts'

function envelope(generation: Generation): object {
  return {
    id: `cmpl-${generation.id}`,
    object: 'text_completion',
    created: generation.created,
    model: generation.model,
    system_fingerprint: generation.fingerprint,
  }
}

/** OpenAI's older text completions. @param includeUsage a last chunk counts the tokens */
export function textFace(includeUsage: boolean): Face {
  return {
    streamType: eventStreamType,
    whole: (generation, answers) => ({
      ...envelope(generation),
      choices: answers.map(({ index, content, logprobs, finish }) => ({
        index,
        text: content,
        logprobs: generation.wantsLogprobs ? textLogprobs(logprobs, 0) : null,
        finish_reason: finish,
      })),
      usage: usageOf(
        generation,
        answers.map(({ result }) => result),
      ),
    }),
    stream: (generation) => textStream(generation, includeUsage),
  }
}

function textStream(generation: Generation, includeUsage: boolean): FaceStream {
  const results: GenerateResult[] = []
  const offsets = new Map<number, number>()
  const usage = includeUsage ? { usage: null } : {}
  const chunk = (index: number, text: string, logprobs: object | null, finish: string | null): string =>
    sseMessage({
      ...envelope(generation),
      choices: [{ index, text, logprobs, finish_reason: finish }],
      ...usage,
    })
  return {
    keepAlive: () => sseComment,
    failure: (error) => sseMessage(error.body()),
    push(event) {
      const { index } = event
      if (event.type === 'done') {
        results.push(event.result)
        return chunk(index, '', null, event.finish)
      }
      const text = event.parts.map((part) => ('text' in part ? part.text : '')).join('')
      const offset = offsets.get(index) ?? 0
      const logprobs = event.logprob === null ? null : textLogprobs([event.logprob], offset)
      offsets.set(index, offset + (event.logprob?.text.length ?? 0))
      return text === '' && logprobs === null ? '' : chunk(index, text, logprobs, null)
    },
    end: () =>
      (includeUsage
        ? sseMessage({ ...envelope(generation), choices: [], usage: usageOf(generation, results) })
        : '') + 'data: [DONE]\n\n',
  }
}
