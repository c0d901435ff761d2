import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('dashboard.html', import.meta.url), 'utf8')

/** Only the page's own script and style run, whatever a peer's name or a model's answer holds. */
const policy = [
  "default-src 'none'",
  `script-src '${hashOf('script')}'`,
  `style-src '${hashOf('style')}'`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The hash of an element's text, as a content security policy names it. */
function hashOf(element: 'script' | 'style'): string {
  const text = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page)?.[1]
  if (text === undefined) throw new Error(`dashboard.html has no <${element}>`)
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

/** `GET /`: one page that loads nothing from anywhere and refreshes itself from `/swarm` and `/metrics`. */
export function dashboard(): Response {
  return new Response(page, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    },
  })
}
