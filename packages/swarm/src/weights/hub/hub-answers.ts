import { ShoalError } from '@shoal/host'
import { TransientError } from './transient-error.ts'

/**
 * The error that an answer with a status other than 2xx stands for; its body is dropped.
 * @param host the hub's name for people, without a token
 */
export async function refusal(
  response: Response,
  what: string,
  withToken: boolean,
  host: string,
): Promise<Error> {
  await response.body?.cancel()
  const { status } = response
  if (status === 401) {
    return new ShoalError(
      'bad-request',
      withToken
        ? `${host} refuses HF_TOKEN for ${what} (401): it is wrong or has expired`
        : `${host} does not show ${what} without an account (401): it does not exist, or is private; set HF_TOKEN for a private one`,
    )
  }
  if (status === 403) {
    return new ShoalError(
      'bad-request',
      `${host} refuses ${what} (403): accept its licence on the model's page${withToken ? ' with the account of HF_TOKEN' : ', then set HF_TOKEN'}`,
    )
  }
  if (status === 404) return new ShoalError('not-found', `${host} has no ${what} (404)`)
  if (status === 429 || status >= 500) {
    return new TransientError('not-ready', `${host} answers ${status}`, {
      status,
      retryAfterMs: retryAfterMs(response.headers),
    })
  }
  return new ShoalError('bad-model', `${host} answers ${status} for ${what}`)
}

/**
 * `Retry-After` in milliseconds (RFC 9110, section 10.2.3): seconds, or a date. A date is compared with the server's own
 * `Date`, because this machine's clock may be wrong. Null when the header is missing or unreadable. Pure.
 */
export function retryAfterMs(headers: Headers): number | null {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const waitMs = Date.parse(text) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(waitMs) ? null : Math.max(0, waitMs)
}

/**
 * Checks that an answer carries bytes `[first, last]` of a file of `size` bytes.
 * @throws {ShoalError} `bad-model`: a server without range requests would send the whole file each time
 */
export function checkRange(
  response: Response,
  first: number,
  last: number,
  size: number,
  what: string,
  host: string,
): void {
  if (response.status === 200 && first === 0 && last === size - 1) return
  const found = response.headers.get('content-range')
  if (response.status === 206 && found === `bytes ${first}-${last}/${size}`) return
  throw new ShoalError(
    'bad-model',
    `${what}: ${host} was asked for bytes ${first}-${last} of ${size} and sends ${response.status === 206 ? (found ?? 'a part without saying which (no Content-Range)') : 'the whole file; a hub must support range requests'}`,
  )
}

/** The next page of a list: `Link: <url>; rel="next"`, on the same host only, because the token goes along. */
export function nextPage(response: Response, base: URL): string | null {
  const match = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')
  const url = URL.parse(match?.[1] ?? '', base)
  return match === null || url?.origin !== base.origin ? null : url.href
}

/** @throws {ShoalError} `bad-model` for text that is not JSON */
export function parseJson(bytes: Uint8Array, what: string, host: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch (cause) {
    throw new ShoalError('bad-model', `${what}: the answer of ${host} is not JSON`, { cause })
  }
}
