import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../testing/shared-data.ts'
import type { ChatMessage } from '../tokenizer-types.ts'
import { createChatRenderer, type RenderChat } from './chat-renderer.ts'

/*
 * Templates that other programs have failed on in the field. That they render as Jinja2 renders them is tested with all
 * published templates (jinja/published-templates.test.ts); these are the texts that a chat needs, written out.
 */

const renderer = (template: string): RenderChat =>
  createChatRenderer(
    { usual: template, toolUse: null },
    { bos_token: '<s>', eos_token: '</s>' },
    () => Date.UTC(2026, 11, 3, 17, 4, 9),
    (text) => text,
  )
const user: ChatMessage = { role: 'user', content: 'Hello' }

test.each<[string, string, string]>([
  ['B34: a generation block', '{% generation %}{{ messages[0].content }}{% endgeneration %}', 'Hello'],
  [
    'B34: a generation block with dashes',
    'a {%- generation -%} {{ messages[0].content }} {%- endgeneration -%} b',
    'aHellob',
  ],
  ['B35: raw', '{% raw %}{{ kept }}{% endraw %}', '{{ kept }}'],
  ['B35: do', '{% do messages|length %}done', 'done'],
  ['B35: percent', "{{ '%s has %d' % (messages[0].role, 2) }}", 'user has 2'],
  ['B35: format', "{{ '{}: {role}'.format(1, role=messages[0].role) }}", '1: user'],
  ['B35: dates', "{{ strftime_now('%Y-%m-%d %I %p %j') }}", '2026-12-03 05 PM 337'],
  ['B36: one line break at the end is dropped', '{{ messages[0].content }}\n', 'Hello'],
  ['B36: of two line breaks one stays', '{{ messages[0].content }}\n\n', 'Hello\n'],
  ['B36: CRLF', 'a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r\n', 'a\nb\nc'],
  ['B36: a byte order mark', '\u{FEFF}{{ messages[0].content }}', 'Hello'],
])('%s', (_, template, expected) => {
  expect(renderer(template)([user])).toBe(expected)
})

const folder = join(sharedData, 'chat-templates')
const published = (name: string): RenderChat =>
  renderer(readFileSync(join(folder, `${name}.jinja`), 'utf8').replaceAll('\r\n', '\n'))

describe.skipIf(!existsSync(folder))('published templates in chats that are hard for them', () => {
  test("B32: two messages of one role are refused in the template's own words, as a bad request", () => {
    expect(() => published('google-gemma-2-2b-it')([user, user])).toThrow(
      expect.objectContaining({
        code: 'bad-request',
        message: expect.stringContaining('Conversation roles must alternate') as unknown,
      }),
    )
  })

  test('B41: behind the result of a tool, a DeepSeek distill answers without a new mark, as it was trained', () => {
    const render = published('deepseek-ai-DeepSeek-R1-Distill-Llama-8B')
    const called: readonly ChatMessage[] = [
      user,
      { role: 'assistant', content: '', toolCalls: [{ id: 'call00001', name: 'now', arguments: {} }] },
      { role: 'tool', content: '12:00', toolCallId: 'call00001', name: 'now' },
    ]
    const answer: ChatMessage = { role: 'assistant', content: 'Noon.' }
    const ending = '12:00<｜tool▁output▁end｜><｜tool▁outputs▁end｜>'
    expect(render(called).endsWith(ending)).toBe(true)
    expect(render([user]).endsWith('<｜Assistant｜><think>\n')).toBe(true)
    // What a finished answer looks like to the model: the prompt is the beginning of it.
    expect(render([...called, answer, user])).toContain(`${ending}Noon.<｜end▁of▁sentence｜>`)
  })
})
