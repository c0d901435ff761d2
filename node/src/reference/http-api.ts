import { z } from 'zod'
import { countRequest, messageRequest } from '../api/anthropic/message-request.ts'
import { chatRequest as ollamaChat, generateRequest } from '../api/ollama/requests.ts'
import { chatRequest } from '../api/openai/chat-request.ts'
import { responseRequest } from '../api/openai/responses/request.ts'
import { textRequest } from '../api/openai/text-request.ts'
import { detokenizeRequest, tokenizeRequest } from '../api/tokenize.ts'
import { escapedText } from './commands.ts'

const endpoints: readonly (readonly [string, z.ZodType])[] = [
  ['POST /v1/chat/completions', chatRequest],
  ['POST /v1/completions', textRequest],
  ['POST /v1/responses', responseRequest],
  ['POST /v1/messages', messageRequest],
  ['POST /v1/messages/count_tokens', countRequest],
  ['POST /api/chat', ollamaChat],
  ['POST /api/generate', generateRequest],
  ['POST /tokenize', tokenizeRequest],
  ['POST /detokenize', detokenizeRequest],
]

/** A JSON Schema as far as a table shows it. */
interface Shown {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Shown[]
  readonly oneOf?: readonly Shown[]
  readonly items?: Shown
  readonly properties?: Readonly<Record<string, Shown>>
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly maxItems?: number
}

/** The fields of every request body, as the API checks them: markdown. */
export function httpReference(): string {
  return [
    '# Fields of the HTTP API',
    'Made from the schemas with which the API checks requests. What a field does, and what is refused, stands in [compatibility](../compatibility.md).',
    ...endpoints.map(([name, schema]) => `## ${name}\n\n${tableOf(schema)}`),
  ].join('\n\n')
}

function tableOf(schema: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    unrepresentable: 'any',
    io: 'input',
  }) as Shown
  const rows = Object.entries(properties).map(
    ([name, field]) =>
      `| \`${name}\` | ${required.includes(name) ? 'yes' : ''} | ${escapedText(formOf(field))} |`,
  )
  return ['| field | required | form |', '|---|---|---|', ...rows].join('\n')
}

/** What a field may be, in words. */
function formOf(field: Shown): string {
  const forms = field.anyOf ?? field.oneOf
  if (forms !== undefined)
    return [...new Set(forms.map(formOf))].filter((form) => form !== 'null').join(', or ')
  if (field.const !== undefined) return JSON.stringify(field.const)
  if (field.enum !== undefined) return field.enum.map((value) => JSON.stringify(value)).join(', ')
  switch (field.type) {
    case undefined:
      return 'anything'
    case 'string':
      return 'text'
    case 'integer':
    case 'number':
      return `${field.type === 'integer' ? 'whole number' : 'number'}${boundsOf(field)}`
    case 'array':
      return `list of: ${formOf(field.items ?? {})}${field.maxItems === undefined ? '' : `; at most ${field.maxItems}`}`
    case 'object': {
      const names = Object.keys(field.properties ?? {})
      return names.length === 0 ? 'object' : `object with ${names.join(', ')}`
    }
    default:
      return String(field.type)
  }
}

function boundsOf({ minimum, maximum, exclusiveMinimum }: Shown): string {
  // Whole numbers of any size have the bounds of exact integers, which say nothing.
  const told = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER
  const words = [
    told(exclusiveMinimum) ? `above ${exclusiveMinimum}` : told(minimum) ? `from ${minimum}` : null,
    told(maximum) ? `to ${maximum}` : null,
  ].filter((word) => word !== null)
  return words.length === 0 ? '' : ` ${words.join(' ')}`
}
