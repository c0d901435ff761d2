import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../harness.ts'
import { sitePages, writeSite, type SitePage } from './build.ts'

const folder = mkdtempSync(join(tmpdir(), 'shoal-site-'))
let pages: readonly SitePage[]
beforeAll(() => {
  pages = sitePages(root)
  writeSite(root, folder, pages)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every document has its page', () => {
  const documents = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const shown = new Set(pages.map(({ path }) => path))
  expect(documents.filter((name) => !shown.has(`docs/${name}`))).toEqual([])
  expect(shown.size).toBe(pages.length)
})

test('every link and picture of the site leads to a file, and every anchor to a heading', () => {
  const anchors = new Map(pages.map((page) => [page.address, page.anchors]))
  let count = 0
  const dead = pages.flatMap((page) => {
    const html = readFileSync(join(folder, page.address), 'utf8')
    return [...html.matchAll(/(?:href|src)="([^"]+)"/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return []
      count += 1
      const [target = '', anchor] = link.split('#')
      const address = target === '' ? page.address : normalize(join(dirname(page.address), target))
      const found =
        existsSync(join(folder, address)) &&
        (anchor === undefined || anchors.get(address.replaceAll('\\', '/'))?.has(anchor) === true)
      return found ? [] : [`${page.address}: ${link}`]
    })
  })
  expect(dead).toEqual([])
  expect(count).toBeGreaterThan(1000)
})

test('the reference has every command and every endpoint that takes a body', () => {
  const text = (address: string): string => readFileSync(join(folder, address), 'utf8')
  for (const command of ['up', 'generate', 'chat', 'serve', 'invite list', 'model pull', 'doctor'])
    expect(text('reference/commands.html')).toContain(`>shoal ${command}</h2>`)
  expect(text('reference/commands.html')).toContain('--api-origins')
  expect(text('reference/http-fields.html')).toMatch(/tool_choice<\/code>[^]{0,80}none.*auto.*required/)
  // Descriptions are text: what stands in angle brackets is not read as markup.
  expect(text('reference/commands.html')).toContain('--join &lt;MULTIADDR&gt;')
})

test('every sentence of the page on troubleshooting is one of the program', () => {
  const code = [
    'node/src',
    'packages/swarm/src',
    'packages/network/src',
    'packages/host/src',
    'packages/trust/src',
  ]
    .flatMap((path) =>
      readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
        .map((name) => readFileSync(join(root, path, name), 'utf8')),
    )
    .join('\n')
  const page = readFileSync(join(root, 'docs', 'troubleshooting.md'), 'utf8')
  const told = [...page.matchAll(/^\| `([^`]+)`/gm)].map(([, sentence = '']) => sentence)
  expect(told.length).toBeGreaterThan(15)
  const parts = told.flatMap((sentence) => sentence.split(/\s*…\s*/)).filter((part) => part.length > 2)
  expect(parts.filter((part) => !code.includes(part))).toEqual([])
})
