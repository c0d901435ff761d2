// The model may call tools until it answers. How well it chooses depends on the model: the demo model is too small for it.
import OpenAI from 'openai'

const tools: Readonly<Record<string, (input: { expression?: string }) => string>> = {
  time: () => new Date().toISOString(),
  add: ({ expression = '' }) => String(expression.split('+').reduce((sum, part) => sum + Number(part), 0)),
}
const definitions: OpenAI.Chat.ChatCompletionTool[] = Object.keys(tools).map((name) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: { expression: { type: 'string' } } } },
}))
/** A model that calls tools for ever is stopped. */
const turnsMax = 8

const openai = new OpenAI()
const model = (await openai.models.list()).data[0]!.id
const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [
  { role: 'user', content: process.argv[2] ?? 'What time is it?' },
]
for (let turn = 0; turn < turnsMax; turn += 1) {
  const { choices } = await openai.chat.completions.create({
    model,
    messages,
    tools: definitions,
    temperature: 0,
  })
  const { message } = choices[0]!
  messages.push(message)
  if (message.tool_calls === undefined || message.tool_calls.length === 0) {
    console.log(`answer: ${message.content ?? ''}`)
    break
  }
  for (const call of message.tool_calls) {
    if (call.type !== 'function') continue
    const content = resultOf(call.function.name, call.function.arguments)
    console.log(`${call.function.name}(${call.function.arguments}) = ${content}`)
    messages.push({ role: 'tool', tool_call_id: call.id, content })
  }
}

/** What went wrong is a result too: the model can correct its call. */
function resultOf(name: string, input: string): string {
  try {
    return tools[name]?.(JSON.parse(input) as object) ?? `there is no tool ${name}`
  } catch (error) {
    return String(error)
  }
}
