import { z } from 'zod'
import type { ChatAsk, JsonObject, Tool } from '../completions/ask.ts'
import { ApiError } from '../errors.ts'
import { apiLimits } from '../limits.ts'
import { checkedChoice, effortVariables, jsonForm } from '../openai/chat-request.ts'
import { clearThoughts, contextManagement, inputMessage, inputMessages, system } from './messages.ts'

const tool = z.strictObject({
  type: z.literal('custom', 'only tools of the type "custom" are supported').nullish(),
  name: z.string().regex(/^[\w-]{1,128}$/, 'a name has up to 128 letters, digits, _ and -'),
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()),
  cache_control: z.unknown().optional(),
  strict: z.boolean().nullish(),
  eager_input_streaming: z.boolean().nullish(),
  defer_loading: z.literal(false, 'tools cannot be loaded later').nullish(),
  allowed_callers: z.tuple([z.literal('direct')], 'only the model itself calls tools').nullish(),
})

const one = { disable_parallel_tool_use: z.boolean().optional() }
const toolChoice = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['auto', 'any']), ...one }),
  z.object({ type: z.literal('tool'), name: z.string(), ...one }),
  z.object({ type: z.literal('none') }),
])

const display = z.literal('summarized', 'thoughts are shown as they are written').nullish()
const thinking = z.discriminatedUnion('type', [
  z.object({ type: z.literal('enabled'), budget_tokens: z.int().min(1), display }),
  z.object({ type: z.literal('adaptive'), display }),
  z.object({ type: z.literal('disabled') }),
])

const outputFormat = z.strictObject({
  type: z.literal('json_schema'),
  schema: z.record(z.string(), z.unknown()),
})

/** What counts towards the prompt. */
const promptFields = {
  model: z.string(),
  messages: z.array(inputMessage).min(1).max(apiLimits.maxMessages),
  system: system.optional(),
  tools: z.array(tool).max(apiLimits.maxTools).optional(),
  tool_choice: toolChoice.optional(),
  thinking: thinking.optional(),
  output_config: z
    .strictObject({
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
      format: outputFormat.nullish(),
    })
    .optional(),
  context_management: contextManagement.nullish(),
  cache_control: z.unknown().optional(),
  speed: z.unknown().optional(),
  user_profile_id: z.unknown().optional(),
  workspace_id: z.unknown().optional(),
}

export const countRequest = z.strictObject(promptFields)

export const messageRequest = z.strictObject({
  ...promptFields,
  max_tokens: z.int().min(1),
  stream: z.boolean().optional(),
  stop_sequences: z
    .array(
      z
        .string()
        .min(1)
        .max(
          apiLimits.maxStopLength,
          `a stop sequence may have at most ${apiLimits.maxStopLength} characters`,
        ),
    )
    .max(apiLimits.maxStops, `at most ${apiLimits.maxStops} stop sequences are possible`)
    .optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  metadata: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  inference_geo: z.unknown().optional(),
  container: z.null('nothing but the model runs here').optional(),
  diagnostics: z.null('requests are not compared here').optional(),
})

type CountRequest = z.infer<typeof countRequest>

/** @throws {ApiError} 400 for fields that contradict each other */
export function messageAsk(request: z.infer<typeof messageRequest>): ChatAsk {
  return {
    ...countAsk(request),
    sampling: { temperature: request.temperature, topP: request.top_p, topK: request.top_k },
    maxTokens: request.max_tokens,
    stop: request.stop_sequences ?? [],
    stream: request.stream ?? false,
  }
}

/** What makes the prompt. @throws {ApiError} 400 for fields that contradict each other */
export function countAsk(request: CountRequest): ChatAsk {
  const given = inputMessages(request.system, request.messages)
  const messages = clearThoughts(given, request.context_management)
  const begun = messages.at(-1)?.role === 'assistant'
  // Anthropic's own words: clients know them, and a blank at the end makes another token than the word behind it.
  if (begun && /\s$/.test(messages.at(-1)?.content ?? ''))
    throw new ApiError(400, 'messages: final assistant content cannot end with trailing whitespace', {
      code: 'invalid_value',
      param: 'messages',
    })
  const tools = (request.tools ?? []).map(({ name, description, input_schema: parameters }) => ({
    name,
    description: description ?? null,
    parameters,
  }))
  const choice = request.tool_choice
  const format = request.output_config?.format ?? null
  return {
    model: request.model,
    sampling: {},
    maxTokens: null,
    stop: [],
    answers: 1,
    topLogprobs: null,
    ignoreEos: false,
    stream: false,
    messages,
    begun: begun ? 'messages' : undefined,
    tools,
    toolChoice: choiceOf(choice, tools),
    parallelCalls: !(choice !== undefined && 'disable_parallel_tool_use' in choice
      ? choice.disable_parallel_tool_use
      : false),
    documents: [],
    variables: thinkingVariables(request),
    form: format === null ? undefined : jsonForm(format.schema, 'output_config.format'),
  }
}

function choiceOf(choice: CountRequest['tool_choice'], tools: readonly Tool[]): ChatAsk['toolChoice'] {
  if (choice === undefined) return 'auto'
  if (choice.type === 'tool') return checkedChoice({ name: choice.name }, tools)
  return checkedChoice(choice.type === 'any' ? 'required' : choice.type, tools)
}

/** Variables under which chat templates know thinking. Without a word of it, the model does as its template says. */
function thinkingVariables({ thinking: asked, output_config: config }: CountRequest): JsonObject {
  const effort = config?.effort === 'max' ? 'xhigh' : config?.effort
  const thinks =
    asked === undefined
      ? {}
      : { enable_thinking: asked.type !== 'disabled', thinking: asked.type !== 'disabled' }
  return { ...effortVariables(effort), ...thinks }
}
