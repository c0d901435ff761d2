import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseMarkdown, safeAddress, type MarkdownNode } from './parse.ts'

const text = (value: string): MarkdownNode => ({ kind: 'text', text: value })
const paragraph = (...children: MarkdownNode[]): MarkdownNode => ({ kind: 'paragraph', children })

describe('markdown becomes a tree', () => {
  test.each<[string, string, MarkdownNode[]]>([
    ['a heading', '## Two', [{ kind: 'heading', level: 2, children: [text('Two')] }]],
    [
      'strong words and code',
      '**bold** `a < b`',
      [paragraph({ kind: 'strong', children: [text('bold')] }, text(' '), { kind: 'code', text: 'a < b' })],
    ],
    [
      'a block of code with its language',
      '```ts\nconst a = 1\n```',
      [{ kind: 'code-block', language: 'ts', text: 'const a = 1' }],
    ],
    [
      'a block of code that has not ended yet',
      '```\nhalf',
      [{ kind: 'code-block', language: '', text: 'half' }],
    ],
    [
      'a list that begins at three',
      '3. a\n4. b',
      [
        {
          kind: 'list',
          start: 3,
          items: [[{ kind: 'tight', children: [text('a')] }], [{ kind: 'tight', children: [text('b')] }]],
        },
      ],
    ],
    ['a table', '|a|\n|-|\n|b|', [{ kind: 'table', head: [[text('a')]], rows: [[[text('b')]]] }]],
  ])('%s', (_name, source, nodes) => {
    expect(parseMarkdown(source)).toEqual(nodes)
  })
})

describe('the text of a model never becomes markup', () => {
  test('HTML is text, inline and as a block', () => {
    const attack = '<img src=x onerror=alert(1)>'
    expect(parseMarkdown(attack)).toEqual([text(attack)])
    expect(parseMarkdown(`see ${attack}`)).toEqual([paragraph(text('see '), text(attack))])
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\tscript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    '/v1/models',
    '#top',
    '//example.org/x',
  ])('%j is no address for a link', (href) => {
    expect(safeAddress(href)).toBeNull()
  })

  test('a link that is refused is its text', () => {
    expect(parseMarkdown('[click](javascript:alert(1))')).toEqual([paragraph(text('click'))])
  })

  test('a picture is a link, so that nothing is fetched before a person asks for it', () => {
    expect(parseMarkdown('![a cat](https://example.org/cat.png)')).toEqual([
      paragraph({ kind: 'link', href: 'https://example.org/cat.png', children: [text('a cat')] }),
    ])
  })

  test('every text becomes nodes of the known kinds, and every link is a web or mail address', () => {
    const pieces = fc.constantFrom(
      '<a href="javascript:x">',
      '[x](',
      'javascript:x',
      ')',
      '`',
      '```\n',
      '\n',
      '- ',
      '|',
      '**',
      '&lt;',
      '![',
      '<svg/onload=x>',
      'a',
    )
    const walk = (nodes: readonly MarkdownNode[]): void => {
      for (const node of nodes) {
        if (node.kind === 'link') expect(node.href).toMatch(/^(https?|mailto):/)
        if ('children' in node) walk(node.children)
        if (node.kind === 'list') node.items.forEach(walk)
        if (node.kind === 'table') [node.head, ...node.rows].forEach((row) => row.forEach(walk))
      }
    }
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => walk(parseMarkdown(parts.join('')))),
    )
  })
})
