import type { Grammar, GrammarTag } from '@shoal/model'
import { ApiError } from '../errors.ts'
import type { OutputFormat } from '../output/format.ts'
import type { ChatAsk, Tool } from './ask.ts'

/** What stands around the arguments of a call, as the family's templates write it. */
type Frame = (name: string) => readonly [begin: string, end: string]

const named =
  (before: string, key: string, after: string): Frame =>
  (name) => [`${before}{"name": ${JSON.stringify(name)}, "${key}": `, `}${after}`]

const hermes = named('<tool_call>\n', 'arguments', '\n</tool_call>')
const frames: Readonly<Record<string, Frame>> = {
  hermes,
  generic: hermes,
  llama: named('', 'parameters', ''),
  mistral: named('[TOOL_CALLS][', 'arguments', ']'),
  phi: named('<|tool_call|>[', 'arguments', ']<|/tool_call|>'),
  deepseek: (name) => [
    `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>${name}<｜tool▁sep｜>`,
    '<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
  ],
}

/**
 * What the whole output must look like: calls of tools where the caller wants one, or the form of the content.
 * @returns undefined where it is free
 * @throws {ApiError} 400 where the model's output has a form for which that is not possible
 */
export function outputGrammar(ask: ChatAsk, format: OutputFormat): Grammar | undefined {
  const { toolChoice, tools, contentGrammar } = ask
  const calls = toolChoice === 'required' || typeof toolChoice === 'object'
  const param = calls ? 'tool_choice' : 'response_format'
  if (!calls && contentGrammar === undefined) return undefined
  if (contentGrammar !== undefined && tools.length > 0 && toolChoice !== 'none')
    throw new ApiError(400, "'response_format' and 'tools' need 'tool_choice': 'none' here", {
      code: 'invalid_value',
      param: 'response_format',
    })
  const frame = frames[format.name]
  if (frame === undefined)
    throw new ApiError(400, `'${param}' is not possible with the output format of this model`, {
      code: 'unsupported_parameter',
      param,
    })
  if (!calls) return contentGrammar
  const chosen = typeof toolChoice === 'object' ? tools.filter(({ name }) => name === toolChoice.name) : tools
  // Only this form has a mark that ends each call, so that another one may follow.
  const several = frame === hermes && ask.parallelCalls && toolChoice === 'required'
  return {
    kind: 'tags',
    tags: chosen.map((tool) => tagOf(tool, frame)),
    ...(several && { separator: '\n' }),
  }
}

function tagOf({ name, parameters }: Tool, frame: Frame): GrammarTag {
  const [begin, end] = frame(name)
  return { begin, schema: { type: 'object', ...(parameters ?? { additionalProperties: false }) }, end }
}
