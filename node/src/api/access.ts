import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { ApiError } from './errors.ts'

export interface AccessRules {
  /** Empty: no key is asked for. */
  readonly keys: readonly string[]
  /** Whether the server is bound to loopback, where only programs of this machine are meant to reach it. */
  readonly loopback: boolean
}

/**
 * Refuses requests that a web page made a browser send. Without keys, being on loopback is the only protection, and a
 * page can get around it: by DNS rebinding (its own name then stands in `Host`) or by a plain cross-site POST (its
 * origin then stands in `Origin`). No CORS header is ever sent.
 * @throws {ApiError} 403
 */
export function checkOrigin(headers: Headers, rules: AccessRules): void {
  const host = headers.get('host')
  if (rules.loopback && !isLoopbackName(hostNameOf(host ?? ''))) {
    throw new ApiError(
      403,
      `the host name '${host ?? ''}' is not this machine's loopback; use localhost or 127.0.0.1`,
      { code: 'host_not_allowed' },
    )
  }
  const origin = headers.get('origin')
  // With keys a foreign page would need one, and then it may as well come from anywhere.
  if (origin === null || rules.keys.length > 0) return
  if (origin === 'null' || !URL.canParse(origin) || new URL(origin).host !== host) {
    throw new ApiError(
      403,
      `pages of ${origin} may not use this API; start it with --api-key to allow that`,
      { code: 'origin_not_allowed' },
    )
  }
}

/** @throws {ApiError} 401 without a right key where keys are asked for */
export function checkKey(headers: Headers, rules: AccessRules): void {
  if (rules.keys.length === 0) return
  const given = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  if (given === undefined) {
    throw new ApiError(401, 'an API key is needed: send the header Authorization: Bearer KEY', {
      code: 'missing_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    })
  }
  // Every key is compared, and by digest, so that time tells neither which one matched nor how long it is.
  const digest = digestOf(given)
  const matches = rules.keys.map((key) => timingSafeEqual(digestOf(key), digest))
  if (!matches.includes(true))
    throw new ApiError(401, 'this API key is not one of this server', {
      code: 'invalid_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    })
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** `localhost:1` to `localhost`, `[::1]:1` to `::1`. */
function hostNameOf(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host)?.[1]
  return bracketed ?? host.replace(/:\d+$/, '')
}

/** Names and addresses that never leave the machine (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3). */
export function isLoopbackName(name: string): boolean {
  const lower = name.toLowerCase().replace(/\.$/, '')
  if (lower === 'localhost' || lower.endsWith('.localhost')) return true
  return isIP(lower) === 4 ? lower.startsWith('127.') : lower === '::1'
}
