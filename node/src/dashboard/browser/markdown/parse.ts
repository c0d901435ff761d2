import { marked, type Token, type Tokens } from 'marked'

/**
 * Markdown as a tree of a few kinds of nodes. The text of a model never becomes markup: HTML in it is shown as it is
 * written, links lead to web and mail addresses only, and pictures become links, so that no text can make the browser ask
 * another server for anything.
 */
export type MarkdownNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'break' | 'rule' }
  | { readonly kind: 'code-block'; readonly language: string; readonly text: string }
  | { readonly kind: 'link'; readonly href: string; readonly children: readonly MarkdownNode[] }
  | { readonly kind: 'heading'; readonly level: number; readonly children: readonly MarkdownNode[] }
  | {
      readonly kind: 'paragraph' | 'strong' | 'emphasis' | 'deleted' | 'quote' | 'tight'
      readonly children: readonly MarkdownNode[]
    }
  | {
      readonly kind: 'list'
      readonly start: number | null
      readonly items: readonly (readonly MarkdownNode[])[]
    }
  | {
      readonly kind: 'table'
      readonly head: readonly (readonly MarkdownNode[])[]
      readonly rows: readonly (readonly (readonly MarkdownNode[])[])[]
    }

export function parseMarkdown(text: string): MarkdownNode[] {
  return nodesOf(marked.lexer(text, { gfm: true, breaks: false }))
}

const nodesOf = (tokens: readonly Token[] | undefined): MarkdownNode[] => (tokens ?? []).flatMap(nodeOf)

function nodeOf(token: Token): MarkdownNode[] {
  const children = (): MarkdownNode[] => nodesOf('tokens' in token ? token.tokens : undefined)
  switch (token.type) {
    case 'space':
    case 'def':
      return []
    case 'hr':
      return [{ kind: 'rule' }]
    case 'br':
      return [{ kind: 'break' }]
    case 'heading':
      return [{ kind: 'heading', level: (token as Tokens.Heading).depth, children: children() }]
    case 'paragraph':
      return [{ kind: 'paragraph', children: children() }]
    case 'blockquote':
      return [{ kind: 'quote', children: children() }]
    case 'strong':
      return [{ kind: 'strong', children: children() }]
    case 'em':
      return [{ kind: 'emphasis', children: children() }]
    case 'del':
      return [{ kind: 'deleted', children: children() }]
    case 'codespan':
      return [{ kind: 'code', text: (token as Tokens.Codespan).text }]
    case 'code':
      return [
        { kind: 'code-block', language: languageOf(token as Tokens.Code), text: (token as Tokens.Code).text },
      ]
    case 'list':
      return [listOf(token as Tokens.List)]
    case 'table':
      return [tableOf(token as Tokens.Table)]
    case 'link':
      return linkOf((token as Tokens.Link).href, children())
    case 'image':
      return linkOf((token as Tokens.Image).href, [
        { kind: 'text', text: (token as Tokens.Image).text || 'picture' },
      ])
    case 'escape':
      return [{ kind: 'text', text: (token as Tokens.Escape).text }]
    case 'text':
      return 'tokens' in token && token.tokens !== undefined
        ? [{ kind: 'tight', children: children() }]
        : [{ kind: 'text', text: (token as Tokens.Text).text }]
    default:
      // HTML among others.
      return [{ kind: 'text', text: token.raw }]
  }
}

/** The first word behind the fence. */
const languageOf = ({ lang }: Tokens.Code): string => /^[\w+#.-]{1,24}/.exec(lang ?? '')?.[0] ?? ''

function listOf({ ordered, start, items }: Tokens.List): MarkdownNode {
  return {
    kind: 'list',
    start: ordered ? (start === '' ? 1 : start) : null,
    items: items.map((item) => [
      ...(item.task ? [{ kind: 'text', text: item.checked === true ? '☑ ' : '☐ ' } as const] : []),
      ...nodesOf(item.tokens.filter(({ type }) => type !== 'checkbox')),
    ]),
  }
}

function tableOf({ header, rows }: Tokens.Table): MarkdownNode {
  return {
    kind: 'table',
    head: header.map(({ tokens }) => nodesOf(tokens)),
    rows: rows.map((row) => row.map(({ tokens }) => nodesOf(tokens))),
  }
}

/** A link to an address that a browser may open; its text alone for every other. */
function linkOf(href: string, children: readonly MarkdownNode[]): MarkdownNode[] {
  const safe = safeAddress(href)
  return safe === null ? [...children] : [{ kind: 'link', href: safe, children }]
}

const schemes: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])

/** Null for what is no complete web or mail address: `javascript:` and `data:` run as this page, and relative ones lead into it. */
export function safeAddress(href: string): string | null {
  if (!URL.canParse(href)) return null
  const url = new URL(href)
  return schemes.has(url.protocol) ? url.href : null
}
