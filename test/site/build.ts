/** `npm run docs [FOLDER]`: makes the site of the documents there (default: dist/docs). */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { referencePages } from 'shoal/reference'
import { contentsOf, type Section } from './contents.ts'
import { escaped, render, type Rendered } from './render.ts'

/** A page of the site. */
export interface SitePage extends Rendered {
  /** The document that it is made from. */
  readonly path: string
  /** From the root of the site. */
  readonly address: string
}

/** All pages: those of the menu, and the decisions, to which a page of the menu leads. */
export function sitePages(root: string): SitePage[] {
  const made = new Map([...referencePages()].map(([name, text]) => [`docs/reference/${name}`, text]))
  const decisions = readdirSync(join(root, 'docs', 'decisions'))
    .filter((name) => /^\d+.*\.md$/.test(name))
    .map((name) => `docs/decisions/${name}`)
  const paths = [...contentsOf(root).flatMap(({ pages }) => pages), ...decisions]
  const addressOf = (path: string): string | null => (paths.includes(path) ? addressFor(path) : null)
  return paths.map((path) => {
    const markdown = made.get(path) ?? readFileSync(join(root, path), 'utf8')
    return { ...render(markdown, path, addressOf), path, address: addressFor(path) }
  })
}

const addressFor = (path: string): string =>
  path === 'README.md'
    ? 'index.html'
    : path
        .replace(/^docs\//, '')
        .replace(/README\.md$/, 'index.md')
        .replace(/\.md$/, '.html')

/** Writes pages, style, and the files of the repository that pages lead to. */
export function writeSite(root: string, folder: string, pages: readonly SitePage[]): void {
  rmSync(folder, { recursive: true, force: true })
  const contents = contentsOf(root)
  for (const page of pages) {
    const target = join(folder, page.address)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, documentOf(page, pages, contents))
    for (const link of page.links) {
      const file = posix.join(posix.dirname(page.address), link.split('#')[0] ?? '')
      if (!file.startsWith('files/')) continue
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      cpSync(join(root, file.slice('files/'.length)), join(folder, file), { recursive: true })
    }
  }
  cpSync(join(import.meta.dirname, 'style.css'), join(folder, 'style.css'))
}

function documentOf(page: SitePage, pages: readonly SitePage[], contents: readonly Section[]): string {
  const to = (address: string): string => posix.relative(posix.dirname(page.address), address)
  const menu = contents.map(({ title, pages: paths }) => {
    const items = paths
      .flatMap((path) => pages.filter((each) => each.path === path))
      .map((each) => {
        const current = each.path === page.path ? ' aria-current="page"' : ''
        const name = each.path === 'README.md' ? 'What it is' : each.title
        return `<a href="${to(each.address)}"${current}>${escaped(name)}</a>`
      })
    return `<h2>${title}</h2>\n<div>${items.join('\n')}</div>`
  })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(page.title)} · Shoal</title>
<link rel="stylesheet" href="${to('style.css')}">
</head>
<body>
<nav aria-label="Documents">
${menu.join('\n')}
</nav>
<main>
${page.html}</main>
</body>
</html>
`
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const folder = resolve(process.argv[2] ?? 'dist/docs')
  const pages = sitePages(root)
  writeSite(root, folder, pages)
  process.stdout.write(`${pages.length} pages in ${folder}\n`)
}
