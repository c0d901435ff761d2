import { Environment, parse, tokenize } from '@huggingface/jinja'
import { ModelError } from '../../error.ts'
import { fieldOf, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { createBoundedInterpreter } from './bounded-interpreter.ts'
import { formatTime } from './format-time.ts'
import type { ChatMessage } from '../tokenizer-types.ts'

/** Longest list that `range` makes in a template, so that an untrusted template cannot exhaust the memory. */
const rangeLengthMax = 10_000

export interface ChatTemplate {
  /** @throws {ModelError} `bad-request` when the template refuses these messages */
  render(messages: readonly ChatMessage[]): string
}

/**
 * The template text: chat_template.jinja, else `chat_template` of tokenizer_config.json (a text, or a list with the
 * name `default`). Null when there is none.
 */
export function findChatTemplate(assets: ReadonlyMap<string, Uint8Array>, config: JsonObject): string | null {
  const file = assets.get('chat_template.jinja')
  if (file !== undefined) return new TextDecoder().decode(file)
  const value = fieldOf(config, 'chat_template')
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return null
  for (const item of value as unknown[]) {
    if (typeof item !== 'object' || item === null) continue
    const template = fieldOf(item as JsonObject, 'template')
    if (fieldOf(item as JsonObject, 'name') === 'default' && typeof template === 'string') return template
  }
  return null
}

/**
 * Compiles a template. It has the variables that transformers passes: messages, add_generation_prompt and the special
 * tokens, but no tools. `strftime_now` exists only with `wallMs`, because a prompt with today's date cannot be reproduced.
 *
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
  const program = parseTemplate(template)
  const tokens = Object.fromEntries(
    ['bos_token', 'eos_token', 'unk_token', 'pad_token'].map((name) => [
      name,
      tokenText(fieldOf(config, name)),
    ]),
  )
  return {
    render: (messages) => {
      const variables: Record<string, unknown> = {
        true: true,
        false: false,
        none: null,
        True: true,
        False: false,
        None: null,
        range: boundedRange,
        raise_exception: (reason: unknown) => {
          throw new Error(String(reason))
        },
        ...(wallMs === undefined
          ? {}
          : { strftime_now: (format: unknown) => formatTime(String(format), wallMs()) }),
        ...tokens,
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        tools: null,
        documents: null,
      }
      const environment = new Environment()
      for (const [name, value] of Object.entries(variables)) environment.set(name, value)
      try {
        const result: unknown = createBoundedInterpreter(environment).run(program).value
        return String(result)
      } catch (cause) {
        if (cause instanceof ModelError) throw cause
        throw new ModelError(
          'bad-request',
          `the model's chat template refuses this chat: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause },
        )
      }
    },
  }
}

/** Jinja2 reads every line end as a line feed; a byte order mark is none of the template's text. */
function parseTemplate(template: string): ReturnType<typeof parse> {
  const text = template.replace(/^\u{FEFF}/u, '').replaceAll(/\r\n?/g, '\n')
  try {
    return parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }))
  } catch (cause) {
    throw new ModelError(
      'unsupported-model',
      `the chat template cannot be parsed: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

/** A special token is a text or an object with its `content`; undefined when the model has none. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const content =
    typeof value === 'object' && value !== null ? fieldOf(value as JsonObject, 'content') : undefined
  return typeof content === 'string' ? content : undefined
}

function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (!(length <= rangeLengthMax)) throw new Error(`range of ${length} numbers`)
  return Array.from({ length }, (_, index) => start + index * step)
}
