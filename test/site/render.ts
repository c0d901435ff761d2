import { posix } from 'node:path'
import { Marked, type Tokens } from 'marked'

/** A document as a page. */
export interface Rendered {
  readonly title: string
  readonly html: string
  /** Ids of its headings. */
  readonly anchors: ReadonlySet<string>
  /** Addresses in it, as the page has them. */
  readonly links: readonly string[]
}

/**
 * Markdown of a document of the repository as HTML. Links to documents lead to their pages, and links to other files to
 * the files themselves.
 * @param path of the document, from the root of the repository
 * @param addressOf the page of a document, from the root of the site; null for what is no page
 */
export function render(markdown: string, path: string, addressOf: (path: string) => string | null): Rendered {
  const anchors = new Set<string>()
  const links: string[] = []
  let title = ''
  const own = addressOf(path) ?? ''
  const addressed = (href: string): string => {
    if (/^[a-z]+:/i.test(href)) return href
    const [target = '', anchor] = href.split('#')
    const file = target === '' ? path : posix.join(posix.dirname(path), target)
    const address =
      target === '' ? '' : posix.relative(posix.dirname(own), addressOf(file) ?? `files/${file}`)
    const whole = anchor === undefined ? address : `${address}#${anchor}`
    links.push(whole)
    return whole
  }
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading) {
        const id = anchorOf(text, anchors)
        anchors.add(id)
        const inside = this.parser.parseInline(tokens)
        if (title === '') title = text.replaceAll('`', '')
        return `<h${depth} id="${id}">${inside}</h${depth}>\n`
      },
      link({ href, tokens }: Tokens.Link) {
        return `<a href="${escaped(addressed(href))}">${this.parser.parseInline(tokens)}</a>`
      },
      image({ href, text }: Tokens.Image) {
        return `<img src="${escaped(addressed(href))}" alt="${escaped(text)}">`
      },
      // The documents have no markup of their own: `<NAME>` in one is a name.
      html({ text }: Tokens.HTML | Tokens.Tag) {
        return escaped(text)
      },
    },
  })
  const html = marked.parse(markdown, { async: false })
  return { title, html, anchors, links }
}

/** As GitHub makes the anchors of headings, with a number behind one that repeats. */
function anchorOf(heading: string, taken: ReadonlySet<string>): string {
  const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
  const id = plain.replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-')
  let free = id
  for (let again = 1; taken.has(free); again += 1) free = `${id}-${again}`
  return free
}

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
