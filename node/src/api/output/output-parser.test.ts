import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatOfPrompt, genericFormat, type OutputFormat } from './format.ts'
import { createOutputParser, type OutputRules } from './output-parser.ts'
import { mergeParts, type OutputPart } from './parts.ts'

const format = (mark: string): OutputFormat => formatOfPrompt(`… ${mark} …`)
const formats = {
  hermes: format('<tool_call>'),
  llama: format('"parameters": {'),
  mistral: format('[TOOL_CALLS]'),
  phi: format('<|tool_call|>'),
  deepseek: format('<｜tool▁calls▁begin｜>'),
  harmony: format('<|channel|>'),
  generic: genericFormat,
}
const tools = new Set(['weather', 'now'])

const content = (text: string): OutputPart => ({ type: 'content', text })
const reasoning = (text: string): OutputPart => ({ type: 'reasoning', text })
const call = (name: string, text: string): OutputPart[] => [
  { type: 'call', name },
  { type: 'arguments', text },
]

function read(pieces: readonly string[], rules: OutputRules): OutputPart[] {
  const parser = createOutputParser(rules)
  return mergeParts([...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()])
}

/** Output of a model, and what it says. */
const outputs: readonly [keyof typeof formats, string, readonly OutputPart[]][] = [
  ['hermes', 'Hello there.\n', [content('Hello there.\n')]],
  ['hermes', '  two', [content('  two')]],
  [
    'hermes',
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome", "days": [1, 2]}}\n</tool_call>',
    call('weather', '{"city": "Rome", "days": [1, 2]}'),
  ],
  [
    'hermes',
    '<think>\nWhich one? {no}\n</think>\n\nLet me see.\n<tool_call>\n{"name": "weather", "arguments": {"a": "}<\\"/tool_call>"}}\n</tool_call>\n<tool_call>\n{"arguments": {"x": 1}, "name": "now"}\n</tool_call>\n',
    [
      reasoning('Which one? {no}'),
      content('Let me see.'),
      ...call('weather', '{"a": "}<\\"/tool_call>"}'),
      ...call('now', '{"x": 1}'),
    ],
  ],
  ['hermes', '<tool_call>{"name": "now"}</tool_call>', call('now', '{}')],
  ['hermes', '<tool_call>{"name": "now", "arguments": "{\\"a\\": 1}"}</tool_call>', call('now', '{"a": 1}')],
  [
    'hermes',
    '<tool_call>{"type": "function", "function": {"name": "now", "arguments": {"a": 1}}}</tool_call>',
    call('now', '{"a":1}'),
  ],
  ['hermes', '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>', call('unknown', '{}')],
  // What is no call is content, marks included.
  ['hermes', 'So: <tool_call>{"nome": 1}</tool_call>', [content('So: <tool_call>{"nome": 1}</tool_call>')]],
  ['hermes', 'a <tool_call> b', [content('a <tool_call> b')]],
  ['hermes', 'a <tool_ca', [content('a <tool_ca')]],
  ['hermes', 'I write <think> here', [content('I write <think> here')]],
  // Cut in the middle.
  ['hermes', '<tool_call>{"name": "weather", "arguments": {"city": "Ro', call('weather', '{"city": "Ro')],
  ['hermes', '<tool_call>{"name": "weat', [content('<tool_call>{"name": "weat')]],
  ['hermes', '<think>and so', [reasoning('and so')]],
  [
    'hermes',
    '<tool_call>\n<function=weather>\n<parameter=city>\nRome {x}\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
    call('weather', '{"city":"Rome {x}","days":3}'),
  ],
  [
    'hermes',
    '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n<arg_key>near</arg_key>\n<arg_value>{"km": 2}</arg_value>\n</tool_call>',
    call('weather', '{"city":"Rome","near":{"km":2}}'),
  ],
  ['llama', '{"name": "weather", "parameters": {"city": "Rome"}}', call('weather', '{"city": "Rome"}')],
  [
    'llama',
    '<|python_tag|>{"type": "function", "name": "weather", "parameters": {"city": "Rome"}}; {"name": "now", "parameters": {}}',
    [...call('weather', '{"city": "Rome"}'), ...call('now', '{}')],
  ],
  ['llama', '<function=weather>{"city": "Rome"}</function>', call('weather', '{"city": "Rome"}')],
  // An object that names no tool is an answer.
  ['llama', '{"name": "Ann", "age": 3}', [content('{"name": "Ann", "age": 3}')]],
  ['llama', '{"a": 1} is it, {b}', [content('{"a": 1} is it, {b}')]],
  ['llama', 'See {"name": "now", "parameters": {}}', [content('See {"name": "now", "parameters": {}}')]],
  [
    'mistral',
    '[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Rome"}, "id": "abc123def"}, {"name": "now", "arguments": {}}]',
    [...call('weather', '{"city": "Rome"}'), ...call('now', '{}')],
  ],
  [
    'mistral',
    'Sure.[TOOL_CALLS]weather[CALL_ID]abc[ARGS]{"city": "Rome"}[TOOL_CALLS]now[ARGS]{}',
    [content('Sure.'), ...call('weather', '{"city": "Rome"}'), ...call('now', '{}')],
  ],
  ['mistral', '[THINK]Hm.[/THINK]Yes [1].', [reasoning('Hm.'), content('Yes [1].')]],
  ['mistral', '[TOOL_CALLS][{"name": "now", "arguments": {}}] Done', [...call('now', '{}'), content('Done')]],
  [
    'phi',
    '<|tool_call|>[{"name": "weather", "arguments": {"city": "Rome"}}]<|/tool_call|>',
    call('weather', '{"city": "Rome"}'),
  ],
  [
    'deepseek',
    'Well.\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "Rome"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    [content('Well.'), ...call('weather', '{"city": "Rome"}'), ...call('now', '{}')],
  ],
  [
    'harmony',
    '<|channel|>analysis<|message|>Which?<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Rome"}<|call|>',
    [reasoning('Which?'), ...call('weather', '{"city": "Rome"}')],
  ],
  [
    'harmony',
    '<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>It is 5 < 6.',
    [reasoning('A'), content('It is 5 < 6.')],
  ],
  ['harmony', 'Only text', [content('Only text')]],
  ['generic', '{"name": "now", "arguments": {}}', call('now', '{}')],
]

describe.each(outputs)('%s: %j', (name, text, parts) => {
  const rules = { format: formats[name], tools, thinking: false }
  test('is read as a whole', () => {
    expect(read([text], rules)).toEqual(parts)
  })
  test('is read alike, cut at every character and into characters', () => {
    const cuts = Array.from(text, (_, at) => [text.slice(0, at), text.slice(at)])
    const readings = [...cuts, Array.from(text)].map((pieces) => JSON.stringify(read(pieces, rules)))
    expect(new Set(readings)).toEqual(new Set([JSON.stringify(parts)]))
  })
})

test('arguments go on while they come', () => {
  const parser = createOutputParser({ format: formats.hermes, tools, thinking: false })
  expect(parser.push('<tool_call>{"name": "weather", "arguments": {"city": "Ro')).toEqual(
    call('weather', '{"city": "Ro'),
  )
  expect(parser.push('me"}')).toEqual([{ type: 'arguments', text: 'me"}' }])
  expect(parser.push('}</tool_call>')).toEqual([])
})

test('thoughts that the prompt has opened end with their mark', () => {
  expect(read(['I muse.\n</think>\n\nYes.'], { format: formats.hermes, tools, thinking: true })).toEqual([
    reasoning('I muse.'),
    content('Yes.'),
  ])
})

test('without tools a call is text', () => {
  const text = '<tool_call>{"name": "now", "arguments": {}}</tool_call>'
  expect(read([text], { format: formats.hermes, tools: new Set(), thinking: false })).toEqual([content(text)])
})

test('whatever a model writes, the cuts of its text change nothing', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '<think>',
        '</think>',
        '<tool_call>',
        '</tool_call>',
        '[TOOL_CALLS]',
        '[ARGS]',
        '<|channel|>',
        '<|message|>',
        '<|end|>',
        'to=functions.now',
        '{"name": "now", ',
        '"arguments": {',
        '}',
        '{',
        '[',
        ']',
        '<｜tool▁calls▁begin｜>',
        '<｜tool▁sep｜>',
        'now',
        '"',
        '\\',
        '\n',
        ' ',
        '🦊',
        '<|tool_call|>',
      ),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 14 },
  )
  fc.assert(
    fc.property(
      pieces,
      fc.constantFrom(...Object.values(formats)),
      fc.boolean(),
      (texts, shape, thinking) => {
        const rules = { format: shape, tools, thinking }
        const whole = read([texts.join('')], rules)
        expect(read(texts, rules)).toEqual(whole)
        expect(read(Array.from(texts.join('')), rules)).toEqual(whole)
      },
    ),
    { numRuns: 200 },
  )
})
