import { ModelError } from '../../error.ts'
import type { ChatMessage, ChatOptions } from '../tokenizer-types.ts'
import type { ChatTemplate } from './chat-template.ts'
import { chatVariables, type CallForm } from './chat-variables.ts'

/** Finds out what a template writes into a prompt beside texts, by rendering small chats. */
export interface Probes {
  /** How it writes calls of tools; null when it leaves them out. */
  callForm(): CallForm | null
  writesTools(): boolean
  writesDocuments(): boolean
}

/** Words that no template has. */
const [word, text] = ['probe_of_shoal', 'probed value']

const user: ChatMessage = { role: 'user', content: 'Hello' }
const tools = [
  {
    type: 'function',
    function: {
      name: word,
      description: 'A probe.',
      parameters: {
        type: 'object',
        properties: { [word]: { type: 'string', description: 'A word' } },
        required: [],
      },
    },
  },
]
const documents = [{ title: word, text }]
/** Mistral's templates take ids of nine letters and digits only. */
const callId = 'call00001'

const calls: readonly ChatMessage[] = [
  user,
  { role: 'assistant', content: '', toolCalls: [{ id: callId, name: word, arguments: { [word]: text } }] },
  { role: 'tool', content: 'Done.', toolCallId: callId, name: word },
]

const usual: CallForm = { argumentsAsText: false, emptyAsNull: false }
const forms: readonly CallForm[] = [
  usual,
  { argumentsAsText: false, emptyAsNull: true },
  { argumentsAsText: true, emptyAsNull: false },
  { argumentsAsText: true, emptyAsNull: true },
]

/**
 * Each probe runs at most once, when it is first asked for. A probe that the template refuses says nothing: then the chat
 * itself is rendered, and the template says what it refuses.
 */
export function createProbes(template: ChatTemplate): Probes {
  const rendered = (
    messages: readonly ChatMessage[],
    options: ChatOptions,
    form: CallForm,
  ): string | null => {
    try {
      return template.render(chatVariables(messages, options, form, (content) => content))
    } catch (error) {
      if (error instanceof ModelError) return null
      throw error
    }
  }
  return {
    callForm: once(() => {
      const prompts = forms.map((form) => ({ form, prompt: rendered(calls, { tools }, form) }))
      const withoutCall = rendered([user], { tools }, usual) ?? ''
      const fitting = prompts.find(({ prompt }) => prompt !== null && writesCall(prompt, withoutCall))
      if (fitting !== undefined) return fitting.form
      return prompts.every(({ prompt }) => prompt === null) ? usual : null
    }),
    writesTools: once(() => rendered([user], { tools }, usual)?.includes(word) ?? true),
    writesDocuments: once(() => rendered([user], { documents }, usual)?.includes(text) ?? true),
  }
}

/**
 * Whether the prompt has the call in a form that a model was trained on: with its arguments, and not printed as a
 * Python dict.
 */
function writesCall(prompt: string, withoutCall: string): boolean {
  const count = (whole: string): number => whole.split(word).length - 1
  return (
    prompt.includes(text) && count(prompt) > count(withoutCall) && !prompt.includes(`{'${word}': '${text}'}`)
  )
}

function once<Value>(find: () => Value): () => Value {
  let found: { readonly value: Value } | null = null
  return () => {
    found ??= { value: find() }
    return found.value
  }
}
