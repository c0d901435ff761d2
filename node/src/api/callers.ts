import { isIP } from 'node:net'
import type { AccessRules } from './access.ts'

/** Names the caller of a request, so that one caller cannot hold all places. Never a key itself. */
export type Caller = string

/**
 * @param key which of the server's keys was sent, null where none is asked for
 * @param address of the caller's socket; undefined where there is no socket
 */
export function callerOf(key: number | null, address: string | undefined): Caller {
  return key === null ? `address ${networkOfCaller(address)}` : `key ${key}`
}

/** Whether callers can be told apart: by keys, or beyond loopback by addresses. */
export function tellsCallersApart({ keys, loopback }: AccessRules): boolean {
  return keys.length > 1 || (keys.length === 0 && !loopback)
}

/** Whom the connections of an address belong to. */
export const networkOfCaller = (address: string | undefined): string => blockOf(address ?? '')

/** An IPv6 caller owns a /64 at least, so that its single addresses tell nothing. */
function blockOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return [...before, ...(tail === undefined ? [] : zeros), ...after].slice(0, 4).join(':')
}
