import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

/**
 * The files of the page. A package has them bundled (`main.js`); a checkout has TypeScript, whose types are taken out when
 * a browser asks, so that a change is seen after a reload and nothing is built.
 */
const folder = new URL('../browser/', import.meta.url)

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  ts: 'text/javascript; charset=utf-8',
}

/** Only scripts of this server run, and no text becomes markup, whatever a peer's name or a model's answer holds. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ')

/** Null for a name that is no file of the page. @param name such as `index.html`, `map/view.ts`, `modules/lit-html/lit-html.js` */
export function pageFile(name: string): Response | null {
  // Neither a step up nor a hidden file has this form.
  const kind = /^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.esm)?\.(html|css|js|ts)$/.exec(name)?.[1]
  if (kind === undefined || name.endsWith('.test.ts')) return null
  const text = textOf(name)
  if (text === null) return null
  return new Response(text, {
    headers: {
      'content-type': types[kind] ?? 'text/plain',
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      ...(kind === 'html' && { 'content-security-policy': policy }),
    },
  })
}

function textOf(name: string): string | null {
  const [, module, path] = /^modules\/(eventsource-parser|lit-html|marked)\/(.+\.js)$/.exec(name) ?? []
  if (module !== undefined && path !== undefined) return read(new URL(path, moduleFolder(module)))
  const text = read(new URL(name, folder))
  if (text !== null) return name.endsWith('.ts') ? scriptOf(text) : text
  const source = name.endsWith('.js') ? read(new URL(name.replace(/js$/, 'ts'), folder)) : null
  return source === null ? null : scriptOf(source)
}

const read = (file: URL): string | null => (existsSync(file) ? readFileSync(file, 'utf8') : null)

/** Where npm has put a package of the page. */
function moduleFolder(module: string): URL {
  const entry = import.meta.resolve(module)
  const end = `/node_modules/${module}/`
  return new URL(entry.slice(0, entry.lastIndexOf(end) + end.length))
}

/** Packages by the addresses under which this server has them. */
const modules: Readonly<Record<string, string>> = {
  'eventsource-parser': '/dashboard/modules/eventsource-parser/dist/index.js',
  'lit-html': '/dashboard/modules/lit-html/lit-html.js',
  'lit-html/directives/live.js': '/dashboard/modules/lit-html/directives/live.js',
  marked: '/dashboard/modules/marked/lib/marked.esm.js',
}

function scriptOf(source: string): string {
  return withoutWarning(() => stripTypeScriptTypes(source)).replaceAll(
    /(from\s+)'([a-z][^']*)'/g,
    (all, from: string, specifier: string) => {
      const address = modules[specifier]
      return address === undefined ? all : `${from}'${address}'`
    },
  )
}

/** Node marks its function as experimental, which concerns nobody who opens a page. */
function withoutWarning(work: () => string): string {
  const emitWarning: unknown = Reflect.get(process, 'emitWarning')
  process.emitWarning = () => undefined
  try {
    return work()
  } finally {
    Reflect.set(process, 'emitWarning', emitWarning)
  }
}
