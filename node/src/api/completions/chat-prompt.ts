import { createHash } from 'node:crypto'
import { ModelError, type ChatMessage, type Grammar, type Tokenizer } from '@shoal/model'
import type { Engine } from '@shoal/swarm'
import { ApiError } from '../errors.ts'
import { formatOfPrompt, thoughtMarks, type OutputFormat } from '../output/format.ts'
import type { OutputRules } from '../output/output-parser.ts'
import type { ChatAsk, Tool } from './ask.ts'
import { beforeContent, splitBeginning } from './begun-answer.ts'
import { outputGrammar } from './call-grammar.ts'
import { checkCharacters, tokenizerOf } from './prompts.ts'
import { templateTool, toolsInWords } from './tool-words.ts'

/** A chat as the model sees it, and how its answer is to be read. */
export interface ChatPrompt {
  readonly promptIds: readonly number[]
  readonly output: OutputRules
  readonly grammar: Grammar | undefined
}

/** @throws {ApiError} 400 where there is no template, or the chat does not fit into the context */
export async function chatPrompt(engine: Engine, ask: ChatAsk): Promise<ChatPrompt> {
  const tokenizer = tokenizerOf(engine)
  if (!tokenizer.chat) {
    throw new ApiError(
      400,
      `model ${engine.manifest.manifest.name} has no chat template; use /v1/completions`,
      { code: 'no_chat_template', param: 'messages' },
    )
  }
  const { messages, beginning } = splitBeginning(ask)
  checkCharacters(
    engine,
    ask.messages.reduce((sum, { content }) => sum + content.length, 0),
  )
  const format = await formatOf(tokenizer)
  const grammar = outputGrammar(ask, format)
  const offered = ask.toolChoice === 'none' ? [] : ask.tools
  const prompt = await rendered(tokenizer, format, messages, offered, ask)
  const opened = thoughtMarks.find(([open]) => prompt.trimEnd().endsWith(open))
  // An answer with a grammar has no thoughts: those that the prompt has opened are closed.
  const free = grammar === undefined && beginning === null
  const start = opened === undefined || free ? prompt : prompt.trimEnd()
  const reasoning = await tokenizer.plainText(beginning?.reasoning ?? '')
  const begun = await tokenizer.plainText(beginning?.content ?? '')
  const text = free ? start : `${start}${beforeContent(format, opened, reasoning)}${begun}`
  return {
    grammar,
    promptIds: await tokenizer.encode(text, { addSpecialTokens: false }),
    output: {
      format,
      tools: new Set(offered.map(({ name }) => name)),
      thinking: opened !== undefined && free,
      begun: beginning !== null,
    },
  }
}

function rendered(
  tokenizer: Tokenizer,
  format: OutputFormat,
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  { documents, variables }: ChatAsk,
): Promise<string> {
  if (format.name === 'generic')
    return tokenizer.renderChat(toolsInWords(messages, tools), { documents, variables })
  return tokenizer.renderChat(format.name === 'mistral' ? messages.map(withShortIds) : messages, {
    tools: tools.map(templateTool),
    documents,
    variables,
  })
}

const known = new WeakMap<Tokenizer, Promise<OutputFormat>>()

/** The format of calls is the one in which the model's own template writes them. */
function formatOf(tokenizer: Tokenizer): Promise<OutputFormat> {
  const before = known.get(tokenizer)
  if (before !== undefined) return before
  const format = tokenizer
    .renderChat(probe, {
      tools: [templateTool({ name: 'probe', description: 'A probe.', parameters: null })],
    })
    .then(formatOfPrompt, (error: unknown) => {
      if (error instanceof ModelError && error.code === 'bad-request') return formatOfPrompt(null)
      known.delete(tokenizer)
      throw error
    })
  known.set(tokenizer, format)
  return format
}

const probe: readonly ChatMessage[] = [
  { role: 'user', content: 'Hello' },
  { role: 'assistant', content: '', toolCalls: [{ id: 'call00001', name: 'probe', arguments: { a: 1 } }] },
  { role: 'tool', content: 'Done.', toolCallId: 'call00001', name: 'probe' },
]

/** Mistral's templates take ids of nine letters and digits only. */
function withShortIds(message: ChatMessage): ChatMessage {
  const short = (id: string): string =>
    /^[A-Za-z0-9]{9}$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 9)
  return {
    ...message,
    ...(message.toolCallId !== undefined && { toolCallId: short(message.toolCallId) }),
    ...(message.toolCalls !== undefined && {
      toolCalls: message.toolCalls.map((call) => ({ ...call, id: short(call.id) })),
    }),
  }
}
