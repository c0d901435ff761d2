import { expect, test } from 'vitest'
import type { Tokenizer } from '@shoal/model'
import { createApiClient } from '../testing/api-client.ts'
import { createFakeEngine } from '../testing/fake-engine.ts'
import { scriptedApi } from '../testing/scripted-api.ts'

const user = { role: 'user', content: 'abc' }
const started = { role: 'assistant', content: 'Once <|im_end|>' }

/** An API whose template ends with `opening`, and the prompts that it encodes. */
function promptsOf(
  opening: string,
  call = '',
): { client: ReturnType<typeof createApiClient>; prompts: string[] } {
  const prompts: string[] = []
  const tokenizer: Tokenizer = {
    ...createFakeEngine().tokenizer!,
    renderChat: async (messages, { tools = [] } = {}) =>
      messages.map(({ role, content }) => `<${role}>${content}`).join('') +
      (tools.length > 0 ? call : '') +
      opening,
    plainText: async (text) => text.replaceAll('<|', '<·|'),
    encode: async (prompt) => {
      prompts.push(prompt)
      return [97]
    },
  }
  return { client: createApiClient({}, { engine: createFakeEngine({ tokenizer }) }), prompts }
}

test.each([
  ['continue_final_message', { continue_final_message: true }, started],
  ['continue_final_message of vLLM', { continue_final_message: true, add_generation_prompt: false }, started],
  ['prefix of DeepSeek and Mistral', {}, { ...started, prefix: true }],
  ['partial of Qwen and Kimi', {}, { ...started, partial: true }],
])(
  '%s: the answer goes on behind the generation prompt, control tokens broken',
  async (_name, fields, last) => {
    const { client, prompts } = promptsOf('<assistant>')
    const response = await client.chat({ messages: [user, last], ...fields })
    expect(response.status).toBe(200)
    expect(prompts).toEqual(['<user>abc<assistant>Once <·|im_end|>'])
  },
)

test('the forms of Anthropic and Ollama continue a last message of the assistant', async () => {
  const { client, prompts } = promptsOf('<assistant>')
  const ask = { model: 'letters', max_tokens: 4, messages: [user, started] }
  expect((await client.post('/v1/messages', ask)).status).toBe(200)
  expect((await client.post('/v1/messages/count_tokens', { ...ask, max_tokens: undefined })).status).toBe(200)
  const { model, messages } = ask
  expect((await client.post('/api/chat', { model, messages, options: { num_predict: 4 } })).status).toBe(200)
  expect(prompts).toEqual(Array(3).fill('<user>abc<assistant>Once <·|im_end|>'))
})

test.each([
  [
    'thoughts that the prompt has opened are closed',
    '<assistant><think>\n',
    {},
    '<assistant><think>\n\n</think>\n\nSo',
  ],
  [
    'thoughts that came before stand inside of them',
    '<assistant><think>\n',
    { reasoning_content: 'Hm.' },
    '<assistant><think>\nHm.\n</think>\n\nSo',
  ],
])('%s', async (_name, opening, more, expected) => {
  const { client, prompts } = promptsOf(opening)
  const last = { role: 'assistant', content: 'So', prefix: true, ...more }
  expect((await client.chat({ messages: [user, last] })).status).toBe(200)
  expect(prompts).toEqual([`<user>abc${expected}`])
})

test('in the form of harmony the content has its channel, and thoughts theirs', async () => {
  const { client, prompts } = promptsOf('<|start|>assistant', '<|channel|>')
  const last = { role: 'assistant', content: 'So', reasoning: 'Hm.', prefix: true }
  const body = (await (await client.chat({ messages: [user, last], max_tokens: 2 })).json()) as {
    choices: { message: object }[]
  }
  expect(prompts).toEqual([
    '<user>abc<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>So',
  ])
  expect(body.choices[0]?.message).toMatchObject({ content: 'aa' })
})

test('what follows a beginning is content, also where it looks like thoughts', async () => {
  const { client } = scriptedApi('<think>no</think> way')
  const body = (await (
    await client.chat({ messages: [user, { role: 'assistant', content: 'I wrote ', prefix: true }] })
  ).json()) as { choices: { message: object }[] }
  expect(body.choices[0]?.message).toMatchObject({ content: '<think>no</think> way' })
})

test('without a word of it, a last message of the assistant is a whole turn', async () => {
  const { client, prompts } = promptsOf('<assistant>')
  await client.chat({ messages: [user, started] })
  expect(prompts).toEqual(['<user>abc<assistant>Once <|im_end|><assistant>'])
})

const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
test.each([
  ['no last message of the assistant', { continue_final_message: true }, [user], 'continue_final_message'],
  ['an early beginning', {}, [{ ...started, prefix: true }, user], 'messages.0.prefix'],
  [
    'a call of a tool',
    {},
    [user, { role: 'assistant', tool_calls: [call], partial: true }],
    'messages.1.partial',
  ],
  [
    'a form of the answer',
    { response_format: { type: 'json_object' }, continue_final_message: true },
    [user, started],
    'continue_final_message',
  ],
  ['thoughts where none are opened', {}, [user, { ...started, reasoning: 'Hm.', prefix: true }], 'messages'],
  [
    'both of them',
    { continue_final_message: true, add_generation_prompt: true },
    [user, started],
    'add_generation_prompt',
  ],
  ['a prompt without an end', { add_generation_prompt: false }, [user], 'add_generation_prompt'],
])('%s is refused with the field named', async (_name, fields, messages, param) => {
  const { client } = promptsOf('<assistant>')
  const response = await client.chat({ messages, ...fields })
  const body = (await response.json()) as { error: { param: string } }
  expect([response.status, body.error.param]).toEqual([400, param])
})
