import { ModelError } from '../../error.ts'
import { TemplateFailure } from '../../jinja/failure.ts'
import { createTemplate, type Template } from '../../jinja/template.ts'
import { fieldOf, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'

/** What Hugging Face transformers gives a template by name. */
export interface ChatVariables {
  /** Messages as the template language knows them: `role`, `content`, `tool_calls`, `reasoning_content`, … */
  readonly messages: readonly JsonObject[]
  readonly tools: readonly JsonObject[] | null
  readonly documents: readonly JsonObject[] | null
  readonly add_generation_prompt: boolean
  readonly [name: string]: unknown
}

export interface ChatTemplate {
  /** @throws {ModelError} `bad-request` when the template refuses this chat; `limit-exceeded` */
  render(variables: ChatVariables): string
}

/** The templates of a model: the usual one, and one for chats with tools where a model has it. */
export interface ChatTemplates {
  readonly usual: string
  readonly toolUse: string | null
}

/**
 * chat_template.jinja, else `chat_template` of tokenizer_config.json: a text, or a list with the names `default` and
 * `tool_use`. Null when there is none.
 */
export function findChatTemplates(
  assets: ReadonlyMap<string, Uint8Array>,
  config: JsonObject,
): ChatTemplates | null {
  const file = assets.get('chat_template.jinja')
  if (file !== undefined) return { usual: new TextDecoder().decode(file), toolUse: null }
  const value = fieldOf(config, 'chat_template')
  if (typeof value === 'string') return { usual: value, toolUse: null }
  const [usual, toolUse] = ['default', 'tool_use'].map((name) => namedTemplate(value, name))
  return typeof usual === 'string' ? { usual, toolUse: toolUse ?? null } : null
}

function namedTemplate(list: unknown, name: string): string | null {
  if (!Array.isArray(list)) return null
  for (const item of list as unknown[]) {
    if (typeof item !== 'object' || item === null) continue
    const template = fieldOf(item as JsonObject, 'template')
    if (fieldOf(item as JsonObject, 'name') === name && typeof template === 'string') return template
  }
  return null
}

/**
 * Compiles a template. It has the variables that transformers passes, and the special tokens of tokenizer_config.json.
 *
 * @param wallMs the date for templates that write it. Without it `strftime_now` does not exist, because a prompt with
 * today's date cannot be reproduced
 * @throws {ModelError} `unsupported-model` when the template cannot be parsed
 */
export function compileChatTemplate(
  template: string,
  config: JsonObject,
  wallMs?: () => number,
): ChatTemplate {
  if (template.length > limits.chatTemplateCharactersMax) {
    throw new ModelError(
      'limit-exceeded',
      `the chat template has ${template.length} characters, more than ${limits.chatTemplateCharactersMax}`,
    )
  }
  const program = parse(template)
  const tokens = Object.fromEntries(specialTokens.map((name) => [name, tokenText(fieldOf(config, name))]))
  return {
    render(variables) {
      try {
        return program.render({ ...tokens, ...variables }, wallMs)
      } catch (cause) {
        if (!(cause instanceof TemplateFailure)) throw cause
        throw new ModelError('bad-request', `the model's chat template refuses this chat: ${cause.message}`, {
          cause,
        })
      }
    },
  }
}

const specialTokens = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
]

function parse(template: string): Template {
  try {
    return createTemplate(template)
  } catch (cause) {
    if (!(cause instanceof TemplateFailure)) throw cause
    throw new ModelError('unsupported-model', `the chat template cannot be parsed: ${cause.message}`, {
      cause,
    })
  }
}

/** A special token is a text or an object with its `content`; undefined when the model has none. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const content =
    typeof value === 'object' && value !== null ? fieldOf(value as JsonObject, 'content') : undefined
  return typeof content === 'string' ? content : undefined
}
