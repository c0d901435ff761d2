import type { ChatMessage } from '@shoal/model'
import { quoted } from '@shoal/host'
import { ApiError } from '../errors.ts'
import type { OutputFormat } from '../output/format.ts'
import type { ChatAsk } from './ask.ts'

/** The beginning of an answer, as the caller gives it. */
export interface Beginning {
  readonly content: string
  readonly reasoning: string
}

/**
 * A chat, and the beginning of its answer apart from it; null where the answer begins with the model's own words.
 * @throws {ApiError} 400 where the last message is none that can be continued, or the answer must have a form
 */
export function splitBeginning(ask: ChatAsk): {
  readonly messages: readonly ChatMessage[]
  readonly beginning: Beginning | null
} {
  const { begun: param, messages, toolChoice } = ask
  if (param === undefined) return { messages, beginning: null }
  const last = messages.at(-1)
  if (last?.role !== 'assistant') throw refused(param, 'needs a last message of the assistant')
  if ((last.toolCalls ?? []).length > 0)
    throw refused(param, 'continues a text: the last message calls a tool, whose result must follow')
  const form =
    ask.form?.param ?? (toolChoice === 'required' || typeof toolChoice === 'object' ? 'tool_choice' : null)
  if (form !== null)
    throw refused(param, `and ${quoted(form)} exclude each other: a form is that of a whole answer`)
  const { content, reasoning = '' } = last
  const nothing = content === '' && reasoning === ''
  return { messages: messages.slice(0, -1), beginning: nothing ? null : { content, reasoning } }
}

/**
 * What stands between a prompt and the content of an answer that the caller has begun.
 * @param opened the thoughts that the prompt has opened, which end before the content
 * @param reasoning without control tokens
 * @throws {ApiError} 400 for thoughts that this model's prompts do not open
 */
export function beforeContent(
  { name }: OutputFormat,
  opened: readonly [string, string] | undefined,
  reasoning: string,
): string {
  if (name === 'harmony') {
    const thoughts =
      reasoning === '' ? '' : `<|channel|>analysis<|message|>${reasoning}<|end|><|start|>assistant`
    return `${thoughts}<|channel|>final<|message|>`
  }
  if (opened !== undefined) return `\n${reasoning}\n${opened[1]}\n\n`
  if (reasoning === '') return ''
  throw new ApiError(
    400,
    'the chat template of this model does not open thoughts: leave them out of the message that is to be continued',
    { code: 'invalid_value', param: 'messages' },
  )
}

function refused(param: string, words: string): ApiError {
  return new ApiError(400, `${quoted(param)} ${words}`, { code: 'invalid_value', param })
}
