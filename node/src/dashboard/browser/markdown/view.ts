import { html, type TemplateResult } from 'lit-html'
import { parseMarkdown, type MarkdownNode } from './parse.ts'

type View = TemplateResult | string

/** Markdown as elements; every text goes in as text. @param onCopy gets the text of a block of code */
export function markdownView(text: string, onCopy: (code: string) => void): View[] {
  return parseMarkdown(text).map((node) => view(node, onCopy))
}

function view(node: MarkdownNode, onCopy: (code: string) => void): View {
  const inside = (nodes: readonly MarkdownNode[]): View[] => nodes.map((child) => view(child, onCopy))
  switch (node.kind) {
    case 'text':
      return node.text
    case 'code':
      return html`<code>${node.text}</code>`
    case 'break':
      return html`<br />`
    case 'rule':
      return html`<hr />`
    case 'code-block':
      return html`<figure class="code">
        <figcaption>
          <span>${node.language === '' ? 'code' : node.language}</span>
          <button type="button" class="quiet" @click=${() => onCopy(node.text)}>Copy</button>
        </figcaption>
        <pre tabindex="0"><code>${node.text}</code></pre>
      </figure>`
    case 'link':
      return html`<a href=${node.href} target="_blank" rel="noopener noreferrer nofollow"
        >${inside(node.children)}</a
      >`
    case 'heading':
      return heading(node.level, inside(node.children))
    case 'paragraph':
      return html`<p>${inside(node.children)}</p>`
    case 'tight':
      return html`${inside(node.children)}`
    case 'strong':
      return html`<strong>${inside(node.children)}</strong>`
    case 'emphasis':
      return html`<em>${inside(node.children)}</em>`
    case 'deleted':
      return html`<del>${inside(node.children)}</del>`
    case 'quote':
      return html`<blockquote>${inside(node.children)}</blockquote>`
    case 'list':
      return list(
        node.start,
        node.items.map((item) => html`<li>${inside(item)}</li>`),
      )
    case 'table':
      return html`<div class="table" tabindex="0" role="region" aria-label="Table">
        <table>
          <thead>
            <tr>
              ${node.head.map((cell) => html`<th scope="col">${inside(cell)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${node.rows.map(
              (row) =>
                html`<tr>
                  ${row.map((cell) => html`<td>${inside(cell)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
  }
}

const list = (start: number | null, items: TemplateResult[]): TemplateResult =>
  start === null
    ? html`<ul>
        ${items}
      </ul>`
    : html`<ol start=${start}>
        ${items}
      </ol>`

/** An answer stands below headings of levels 1 to 3, which the page has itself. */
function heading(level: number, children: View[]): TemplateResult {
  if (level <= 1) return html`<h4>${children}</h4>`
  return level === 2 ? html`<h5>${children}</h5>` : html`<h6>${children}</h6>`
}
