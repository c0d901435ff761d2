import { randomHex, ShoalError, type Random } from '@shoal/host'
import type { Engine, GenerateEvent, GenerateResult } from '@shoal/swarm'
import { createOutputParser, type OutputRules } from '../output/output-parser.ts'
import type { OutputParser, OutputPart } from '../output/parts.ts'
import type { Generation } from './generation.ts'

export type Logprob = NonNullable<Extract<GenerateEvent, { type: 'token' }>['logprob']>

/** A piece of an answer. Arguments belong to the call that began last. */
export type AnswerPart =
  | Exclude<OutputPart, { type: 'call' }>
  | { readonly type: 'call'; readonly name: string; readonly id: string; readonly number: number }

export type FinishReason = 'stop' | 'length' | 'tool_calls'

/** An event of one choice. */
export type AnswerEvent =
  | {
      readonly type: 'parts'
      readonly index: number
      /** Whether these parts came with a token; the rest that was held back until the end comes without one. */
      readonly token: boolean
      readonly parts: readonly AnswerPart[]
      readonly logprob: Logprob | null
    }
  | {
      readonly type: 'done'
      readonly index: number
      readonly finish: FinishReason
      readonly result: GenerateResult
    }

/** A text that is no chat is content as it is. */
const plainParser: OutputParser = {
  push: (text) => (text === '' ? [] : [{ type: 'content', text }]),
  end: () => [],
}

const parserOf = (output: OutputRules | null): OutputParser =>
  output === null ? plainParser : createOutputParser(output)

/** Runs the choices one after the other: they share the swarm with other callers, who should not wait for all of them. */
export async function* runGeneration(
  generate: Engine['generate'],
  generation: Generation,
  random: Random,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent> {
  for (const [index, choice] of generation.choices.entries()) {
    const parser = parserOf(generation.output)
    const name = createCallNames(generation, random)
    for await (const event of generate({ ...choice, signal })) {
      if (event.type === 'token') {
        const parts = name.parts(parser.push(event.text))
        yield { type: 'parts', index, token: true, parts, logprob: event.logprob ?? null }
        continue
      }
      const parts = name.parts([...parser.push(event.text), ...parser.end()])
      if (parts.length > 0) yield { type: 'parts', index, token: false, parts, logprob: null }
      yield { type: 'done', index, finish: finishOf(event.result, name.calls()), result: event.result }
    }
  }
}

function finishOf({ finishReason }: GenerateResult, calls: number): FinishReason {
  if (finishReason === 'length') return 'length'
  // An answer that was cut must not look like a complete one.
  if (finishReason === 'cancelled') throw new ShoalError('cancelled', 'the answer was cut')
  return calls > 0 ? 'tool_calls' : 'stop'
}

/** Gives calls their ids, and leaves out those beyond the first where the caller wants one at a time. */
function createCallNames(
  { parallelCalls }: Generation,
  random: Random,
): { parts(parts: readonly OutputPart[]): AnswerPart[]; calls(): number } {
  let calls = 0
  return {
    calls: () => calls,
    parts: (parts) =>
      parts.flatMap((part): AnswerPart[] => {
        if (part.type === 'call') {
          calls += 1
          const call = { ...part, id: randomHex(random, 12), number: calls - 1 }
          return calls > 1 && !parallelCalls ? [] : [call]
        }
        return part.type === 'arguments' && calls > 1 && !parallelCalls ? [] : [part]
      }),
  }
}

/** One choice as a whole. */
export interface WholeAnswer {
  readonly index: number
  readonly content: string
  readonly reasoning: string
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]
  readonly logprobs: readonly Logprob[]
  readonly finish: FinishReason
  readonly result: GenerateResult
}

export async function collectAnswers(events: AsyncIterable<AnswerEvent>): Promise<WholeAnswer[]> {
  const answers: WholeAnswer[] = []
  let parts: AnswerPart[] = []
  let logprobs: Logprob[] = []
  for await (const event of events) {
    if (event.type === 'parts') {
      parts.push(...event.parts)
      if (event.logprob !== null) logprobs.push(event.logprob)
      continue
    }
    const { index, finish, result } = event
    answers.push({ index, ...wholeOf(parts), logprobs, finish, result })
    parts = []
    logprobs = []
  }
  return answers
}

function wholeOf(parts: readonly AnswerPart[]): Pick<WholeAnswer, 'content' | 'reasoning' | 'calls'> {
  const textOf = (type: 'content' | 'reasoning'): string =>
    parts.map((part) => (part.type === type ? part.text : '')).join('')
  const calls: { id: string; name: string; arguments: string }[] = []
  for (const part of parts) {
    const last = calls.at(-1)
    if (part.type === 'call') calls.push({ id: part.id, name: part.name, arguments: '' })
    else if (part.type === 'arguments' && last !== undefined) last.arguments += part.text
  }
  return { content: textOf('content'), reasoning: textOf('reasoning'), calls }
}

export interface TokenCounts {
  readonly prompt: number
  readonly completion: number
}

/** Each prompt counts once, however many choices were made from it. */
export function countTokens(generation: Generation, results: readonly GenerateResult[]): TokenCounts {
  const prompts = new Set(generation.choices.map(({ promptIds }) => promptIds))
  return {
    prompt: [...prompts].reduce((sum, promptIds) => sum + promptIds.length, 0),
    completion: results.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
  }
}
