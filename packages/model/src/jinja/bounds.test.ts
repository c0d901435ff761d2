import { expect, test } from 'vitest'
import { createTemplate } from './template.ts'

const memory = /needs too much memory/

test.each<[string, string, RegExp]>([
  ['a repeated text', "{{ 'abcdefgh' * 100000000 }}", memory],
  ['a repeated list', '{{ [1, 2] * 100000000 }}', memory],
  ['a padded text', "{{ '%1000000000d' % 1 }}", memory],
  ['a field of a format string', "{{ '{:>1000000000}'.format(1) }}", memory],
  ['a centred text', "{{ 'a' | center(1000000000) }}", memory],
  ['an indented text', "{{ ('a\\n' * 100000) | indent(10000) }}", memory],
  ['a replacement', "{{ ('a' * 100000).replace('a', 'b' * 100000) }}", memory],
  ['a joined list', "{{ range(9999) | map('string') | join('b' * 100000) }}", memory],
  ['columns', '{{ [1] | slice(1000000000) | list }}', memory],
  ['a filled row', "{{ [1] | batch(1000000000, 'x') | list }}", memory],
  [
    'a list that holds itself twice, forty times over, as JSON',
    '{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}',
    memory,
  ],
  [
    'the same as text',
    '{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
    memory,
  ],
  ['output without end', "{% for i in range(9999) %}{{ 'a' * 100000 }}{% endfor %}", memory],
  [
    'a list in a list, 9,999 times over',
    '{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}',
    /nests its values too deeply|^\[/,
  ],
  [
    'a macro that calls itself',
    '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
    /calls its macros too deeply/,
  ],
  [
    'a loop that calls itself',
    '{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}',
    /calls its macros too deeply/,
  ],
  ['a long range', '{{ range(10001) }}', /range of 10001 numbers/],
  ['a huge number', '{{ 2 ** 100000 }}', /a number is too large/],
  ['a number that is squared again and again', `{{ 3 ** 3000 * 3 ** 3000 }}`, /a number is too large/],
  ['brackets in brackets', `{{ ${'('.repeat(500)}1${')'.repeat(500)} }}`, /too many brackets/],
  ['signs before signs', `{{ ${'-'.repeat(500)}1 }}`, /too many brackets/],
  ['blocks in blocks', `${'{% if 1 %}'.repeat(500)}${'{% endif %}'.repeat(500)}`, /too many blocks/],
])('bounded: %s', (_what, template, message) => {
  const render = (): string => {
    const text = createTemplate(template).render({})
    throw new Error(text.slice(0, 20))
  }
  expect(render).toThrow(message)
})

test('values that templates see cannot be reached beyond: no constructor, no prototype, no global', () => {
  const names = [
    'constructor',
    '__proto__',
    'prototype',
    'toString',
    'hasOwnProperty',
    '__class__',
    '__globals__',
  ]
  for (const name of names) {
    for (const value of ["'a'", '1', '[1]', '{}', 'range', 'loop', 'messages[0]', 'namespace()']) {
      const template = `{% for i in [1] %}{{ ${value}.${name} is defined }}{{ ${value}['${name}'] is defined }}{% endfor %}`
      expect(createTemplate(template).render({ messages: [{ role: 'user' }] })).toBe('FalseFalse')
    }
  }
  expect(createTemplate('{{ process is defined }}{{ globalThis is defined }}').render({})).toBe('FalseFalse')
})
