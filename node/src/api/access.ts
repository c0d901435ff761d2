import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { quoted } from '@shoal/host'
import { ApiError } from './errors.ts'
import type { ApiKey } from './keys/api-key.ts'

export interface AccessRules {
  /** Empty: no key is asked for. */
  readonly keys: readonly ApiKey[]
  /** Whether the server is bound to loopback, where only programs of this machine are meant to reach it. */
  readonly loopback: boolean
  /** Names, beside addresses and `localhost`, by which callers may address the server (`--api-host`), in lower case. */
  readonly hosts?: readonly string[]
  /** Origins of pages that may use the server without a key (`--api-origins`), in lower case. */
  readonly origins?: readonly string[]
}

/**
 * Refuses requests that a web page made a browser send. Without keys, the network is the only protection, and a page can
 * get around it: by DNS rebinding (its own name then stands in `Host`) or by a plain cross-site POST (its origin then
 * stands in `Origin`). An address in `Host` is no rebound name, so beyond loopback addresses are allowed, and the names
 * that the owner has given.
 * @throws {ApiError} 403
 */
export function checkOrigin(headers: Headers, rules: AccessRules): void {
  const host = checkHost(headers, rules)
  const origin = headers.get('origin')
  // With keys a foreign page would need one, and then it may as well come from anywhere.
  if (origin === null || rules.keys.length > 0) return
  if (rules.origins?.includes(origin.toLowerCase()) === true) return
  if (origin === 'null' || !URL.canParse(origin) || new URL(origin).host !== host)
    throw new ApiError(403, originRefusal(origin), { code: 'origin_not_allowed' })
}

function originRefusal(origin: string): string {
  const listed = isOrigin(origin) ? `, or with --api-origins ${origin}` : ''
  return `pages of ${quoted(origin)} may not use this API without a key: start it with --api-key KEY, and let the page send that key${listed}`
}

/** Whether a page can be told by this origin. `null` is sent by many pages: every page can have a frame that sends it. */
export function isOrigin(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[\w.:[\]-]+$/i.test(text)
}

/** @throws {ApiError} 403 for a name that is not this server's */
export function checkHost(headers: Headers, rules: AccessRules): string {
  const host = headers.get('host') ?? ''
  if (!isAllowedHost(hostNameOf(host), rules))
    throw new ApiError(403, hostRefusal(host, rules), { code: 'host_not_allowed' })
  return host
}

function isAllowedHost(name: string, { keys, loopback, hosts = [] }: AccessRules): boolean {
  if (isLoopbackName(name) || hosts.includes(plainName(name))) return true
  if (loopback) return false
  return keys.length > 0 || isIP(name) !== 0
}

function hostRefusal(host: string, { loopback }: AccessRules): string {
  return loopback
    ? `the host name ${quoted(host)} is not this machine's loopback; use localhost or 127.0.0.1, or start the API with --api-host NAME`
    : `the host name ${quoted(host)} is not a name of this server; use its IP address, or start the API with --api-host NAME`
}

/**
 * Which of the keys a caller has sent; null where no key is asked for.
 * @throws {ApiError} 401 without a right key where keys are asked for
 */
export function checkKey(headers: Headers, rules: AccessRules): number | null {
  if (rules.keys.length === 0) return null
  const given =
    /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? undefined
  if (given === undefined) {
    throw new ApiError(
      401,
      'an API key is needed: send the header Authorization: Bearer KEY, or x-api-key: KEY',
      {
        code: 'missing_api_key',
        headers: { 'www-authenticate': 'Bearer' },
      },
    )
  }
  // Every key is compared, and by digest, so that time tells neither which one matched nor how long it is.
  const digest = digestOf(given)
  const matches = rules.keys.map(({ key }) => timingSafeEqual(digestOf(key), digest))
  if (!matches.includes(true))
    throw new ApiError(401, 'this API key is not one of this server', {
      code: 'invalid_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    })
  return matches.indexOf(true)
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** `localhost:1` to `localhost`, `[::1]:1` to `::1`. */
function hostNameOf(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host)?.[1]
  return bracketed ?? host.replace(/:\d+$/, '')
}

/** Names are compared without case and without the dot of a complete one. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Names and addresses that never leave the machine (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3). */
export function isLoopbackName(name: string): boolean {
  const lower = plainName(name)
  if (lower === 'localhost' || lower.endsWith('.localhost')) return true
  return isIP(lower) === 4 ? lower.startsWith('127.') : lower === '::1'
}
