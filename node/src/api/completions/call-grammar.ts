import { grammarText } from '@shoal/grammar'
import { quoted } from '@shoal/host'
import { ModelError, type Grammar, type GrammarTag } from '@shoal/model'
import { ApiError } from '../errors.ts'
import type { OutputFormat } from '../output/format.ts'
import type { ChatAsk, ContentForm, Tool } from './ask.ts'

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
 * @throws {ApiError} 400 for a schema that cannot be kept, and where the model's output has a form for which nothing can be
 */
export function outputGrammar(ask: ChatAsk, format: OutputFormat): Grammar | undefined {
  const { toolChoice, tools, form } = ask
  const calls = toolChoice === 'required' || typeof toolChoice === 'object'
  if (!calls && form === undefined) return undefined
  const param = form?.param ?? 'tool_choice'
  if (form !== undefined && tools.length > 0 && toolChoice !== 'none')
    throw new ApiError(
      400,
      `${quoted(param)} and 'tools' exclude each other here: let the model choose no tool ('tool_choice')`,
      { code: 'invalid_value', param },
    )
  const frame = frames[format.name]
  if (frame === undefined)
    throw new ApiError(400, `${quoted(param)} is not possible with the output format of this model`, {
      code: 'unsupported_parameter',
      param,
    })
  return form === undefined ? callGrammar(ask, frame) : checkedGrammar(form)
}

/** @throws {ApiError} 400 for a schema that cannot be kept, before anything is computed */
export function checkedGrammar({ grammar, param }: ContentForm): Grammar {
  checkSchema(grammar, param)
  return grammar
}

function callGrammar({ toolChoice, tools, parallelCalls }: ChatAsk, frame: Frame): Grammar {
  const chosen = typeof toolChoice === 'object' ? tools.filter(({ name }) => name === toolChoice.name) : tools
  // Only this form has a mark that ends each call, so that another one may follow.
  const several = frame === hermes && parallelCalls && toolChoice === 'required'
  const tags = chosen.map((tool) => tagOf(tool, frame))
  const grammar: Grammar = { kind: 'tags', tags, ...(several && { separator: '\n' }) }
  // All of them at once: what schemas may cost counts for one grammar, and each of 128 tools would have it anew.
  checkSchema(grammar, 'tools')
  return grammar
}

function tagOf({ name, parameters }: Tool, frame: Frame): GrammarTag {
  const [begin, end] = frame(name)
  return {
    name: `the tool ${quoted(name)}`,
    begin,
    schema: { type: 'object', ...(parameters ?? { additionalProperties: false }) },
    end,
  }
}

function checkSchema(grammar: Grammar, param: string): void {
  if (grammar.kind === 'choice') return
  try {
    grammarText(grammar)
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    throw new ApiError(400, `'${param}': ${error.message}`, {
      code: 'invalid_value',
      param,
      cause: error,
    })
  }
}
