import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import type { ChatMessage, ChatOptions } from '../tokenizer-types.ts'
import { compileChatTemplate, type ChatTemplate, type ChatTemplates } from './chat-template.ts'
import { chatVariables } from './chat-variables.ts'
import { createProbes, type Probes } from './probes.ts'

export type RenderChat = (messages: readonly ChatMessage[], options?: ChatOptions) => string

/**
 * Renders chats with a model's templates. A chat with parts that the template would silently leave out is refused: an
 * answer to half of a question is worse than none.
 *
 * @throws {ModelError} `unsupported-model` when a template cannot be parsed
 */
export function createChatRenderer(
  templates: ChatTemplates,
  config: JsonObject,
  wallMs: (() => number) | undefined,
  breakControl: (text: string) => string,
): RenderChat {
  const open = (source: string): { template: ChatTemplate; probes: Probes } => {
    const template = compileChatTemplate(source, config, wallMs)
    return { template, probes: createProbes(template) }
  }
  const usual = open(templates.usual)
  const withTools = templates.toolUse === null ? usual : open(templates.toolUse)
  return (messages, options = {}) => {
    const calls = messages.some(({ toolCalls = [] }) => toolCalls.length > 0)
    const offersTools = (options.tools ?? []).length > 0
    const { template, probes } = offersTools || calls ? withTools : usual
    if (offersTools && !probes.writesTools()) throw leftOut('the tools')
    if ((options.documents ?? []).length > 0 && !probes.writesDocuments()) throw leftOut('the documents')
    const form = calls ? probes.callForm() : { argumentsAsText: false, emptyAsNull: false }
    if (form === null) throw leftOut('calls of tools')
    return template.render(chatVariables(messages, options, form, breakControl))
  }
}

function leftOut(what: string): ModelError {
  return new ModelError(
    'bad-request',
    `the model's chat template has no place for ${what}: put them into the text of a message`,
  )
}
