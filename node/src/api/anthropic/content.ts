import { z } from 'zod'
import { quoted } from '@shoal/host'

/**
 * Blocks of content. `cache_control` marks what a server is to keep; stages keep every prompt's beginning while they have
 * room (docs/prefix-reuse.md).
 */
const text = z.object({ type: z.literal('text'), text: z.string() })

const typesOf = (known: string) => (issue: { readonly input?: unknown }) =>
  `blocks of the type ${quoted(String((issue.input as { type?: unknown } | undefined)?.type))} are not supported: this API takes ${known}`

/** A text, or blocks of text. */
export const textContent = z
  .union([z.string(), z.array(z.discriminatedUnion('type', [text], { error: typesOf('text') }))])
  .transform((value) => (typeof value === 'string' ? value : value.map((block) => block.text).join('')))

const toolResult = z.object({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: textContent.optional(),
  is_error: z.boolean().optional(),
})

export const userBlock = z.discriminatedUnion('type', [text, toolResult], {
  error: typesOf('text and tool_result of a user'),
})

export const assistantBlock = z.discriminatedUnion(
  'type',
  [
    text,
    z.object({ type: z.literal('thinking'), thinking: z.string() }),
    z.object({
      type: z.literal('tool_use'),
      id: z.string(),
      name: z.string().min(1),
      input: z.record(z.string(), z.unknown()),
    }),
  ],
  { error: typesOf('text, thinking and tool_use of an assistant') },
)

export type UserBlock = z.infer<typeof userBlock>
export type AssistantBlock = z.infer<typeof assistantBlock>
