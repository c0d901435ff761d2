import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../testing/shared-data.ts'
import type { ChatMessage, ChatOptions } from '../tokenizer-types.ts'
import { createChatRenderer, type RenderChat } from './chat-renderer.ts'

const identity = (text: string): string => text
const renderer = (usual: string, toolUse: string | null = null, breakControl = identity): RenderChat =>
  createChatRenderer({ usual, toolUse }, { bos_token: '<s>', eos_token: '</s>' }, undefined, breakControl)

const user: ChatMessage = { role: 'user', content: 'Hello' }
const tool = { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } }
const called: readonly ChatMessage[] = [
  user,
  {
    role: 'assistant',
    content: '',
    toolCalls: [{ id: 'call00001', name: 'now', arguments: { zone: 'UTC' } }],
  },
  { role: 'tool', content: '12:00', toolCallId: 'call00001', name: 'now' },
]
const generic =
  '{{ tools | tojson if tools }}{% for m in messages %}[{{ m.role }}:{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }} ARGUMENTS{% endfor %}]{% endfor %}'

test('tools, documents and variables reach the template under the names of transformers', () => {
  const render = renderer(
    '{{ tools | tojson if tools }}{{ documents | tojson if documents }}{{ enable_thinking }}{{ messages[0].reasoning_content }}',
  )
  const options: ChatOptions = {
    tools: [tool],
    documents: [{ title: 'a', text: 'b' }],
    variables: { enable_thinking: false },
  }
  expect(render([{ ...user, reasoning: 'Hm.' }], options)).toBe(
    '[{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}][{"title": "a", "text": "b"}]FalseHm.',
  )
  expect(render([user])).toBe('')
})

test.each([
  ['an object', '{{ c.function.arguments | tojson }}', '[assistant:now {"zone": "UTC"}]'],
  ['a text of JSON', '{{ c.function.arguments }}', '[assistant:now {"zone":"UTC"}]'],
  ['a text that is joined', "{{ '' + c.function.arguments }}", '[assistant:now {"zone":"UTC"}]'],
])('the arguments of a call are given as the template wants them: %s', (_form, written, expected) => {
  expect(renderer(generic.replace('ARGUMENTS', written))(called)).toContain(expected)
})

test('a template that writes calls only where the content is null gets null', () => {
  const template =
    '{% for m in messages %}{% if m.content is none %}{{ m.tool_calls[0].function.arguments | tojson }}{% else %}{{ m.content }}{% endif %}{% endfor %}'
  expect(renderer(template)(called)).toBe('Hello{"zone": "UTC"}12:00')
})

test.each<[string, readonly ChatMessage[], ChatOptions, string]>([
  ['tools', [user], { tools: [tool] }, 'no place for the tools'],
  ['documents', [user], { documents: [{ text: 'a' }] }, 'no place for the documents'],
  ['calls of tools', called, {}, 'no place for calls of tools'],
  ['a variable with the name of the messages', [user], { variables: { messages: [] } }, "'messages'"],
  ['a variable with the name of a token', [user], { variables: { bos_token: 'x' } }, "'bos_token'"],
])('what a template would leave out is refused: %s', (_what, messages, options, message) => {
  const render = renderer('{% for m in messages %}{{ m.content }}{% endfor %}')
  expect(() => render(messages, options)).toThrow(
    expect.objectContaining({ code: 'bad-request', message: expect.stringContaining(message) as unknown }),
  )
})

test("a template that refuses tools says so in its own words, and a model's template for tools is used for them", () => {
  const refusing = "{% if tools %}{{ raise_exception('this model has no tools') }}{% endif %}plain"
  expect(() => renderer(refusing)([user], { tools: [tool] })).toThrow(
    /refuses this chat: this model has no tools$/,
  )
  expect(renderer('plain', '{{ tools | tojson }}')([user], { tools: [tool] })).toContain('"name": "now"')
  expect(renderer('plain', '{{ tools | tojson }}')([user])).toBe('plain')
})

test('control tokens are broken in tools, arguments, documents and variables, also where JSON is written in ASCII', () => {
  const breakControl = (text: string): string => text.replaceAll('<x>', '<\u{FDD0}x>')
  const template =
    '{{ tools | tojson(ensure_ascii=true) }}{{ documents }}{{ extra }}{% for m in messages %}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}'
  const named = {
    type: 'function',
    function: { name: 'now', description: '<x>', parameters: { '<x>': ['<x>'] } },
  }
  const messages: ChatMessage[] = [
    {
      role: 'assistant',
      content: '<x>',
      toolCalls: [{ id: '<x>', name: 'now', arguments: { '<x>': '<x>' } }],
    },
  ]
  const options = { tools: [named], documents: [{ text: '<x>' }], variables: { extra: ['<x>'] } }
  const prompt = renderer(template, null, breakControl)(messages, options)
  expect(prompt).not.toContain('<x>')
  expect(prompt.split('<\u{FDD0}x>').length - 1).toBe(9)
})

test('values that are nested too deeply are refused', () => {
  const deep = Array.from({ length: 65 }).reduce<unknown>((inner) => [inner], 1)
  expect(() => renderer('{{ extra }}')([user], { variables: { extra: deep } })).toThrow(/more than 64 levels/)
})

const folder = join(sharedData, 'chat-templates')
describe.skipIf(!existsSync(folder))('published templates', () => {
  test.each([
    ['Qwen-Qwen3-0.6B', '{"name": "now", "arguments": {"zone": "UTC"}}'],
    ['meta-llama-Llama-3.1-8B-Instruct', '{"name": "now", "parameters": {"zone": "UTC"}}'],
    ['deepseek-ai-DeepSeek-R1-Distill-Llama-8B', '```json\n{"zone":"UTC"}\n```'],
    ['meetkai-functionary-medium-v3.2', '>>>now\n{"zone":"UTC"}'],
    [
      'mistralai-Mistral-Nemo-Instruct-2407',
      '{"name": "now", "arguments": {"zone": "UTC"}, "id": "call00001"}',
    ],
  ])('%s writes a call as its model was trained', (name, expected) => {
    expect(renderer(readFileSync(join(folder, `${name}.jinja`), 'utf8'))(called)).toContain(expected)
  })
})
