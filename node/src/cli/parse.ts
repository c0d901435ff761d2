import { InvalidArgumentError } from 'commander'
import { messageOf } from '@shoal/host'
import { parseByteSize } from '@shoal/host/node'
import { isOrigin, plainName } from '../api/access.ts'
import { isInviteCode, limits as trustLimits, readPin } from '@shoal/trust'

/** Collects the values of a repeatable option. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value]

/** A peer id: base58 of a hashed key (46 letters) or of an ed25519 key (52). */
const peerId = /^[1-9A-HJ-NP-Za-km-z]{46,52}$/

/** `--join`: an address, an invite, or a PIN. */
export function parseJoin(value: string, before: readonly string[] = []): string[] {
  return isInviteCode(value) || readPin(value) !== null ? collect(value, before) : parseAddress(value, before)
}

/** `--listen` of `up`: multiaddrs, or `none` for a node that nobody can dial and that is reached through relays. */
export const parseListen = (value: string, before: readonly string[] = []): string[] =>
  value === 'none' ? collect(value, before) : parseAddress(value, before)

/** `--listen` and others: catches a bare IP address and an address that was copied in part. */
export function parseAddress(value: string, before: readonly string[] = []): string[] {
  if (!/^\/[a-z0-9]+\/.+/.test(value))
    throw new InvalidArgumentError(
      'It should be a multiaddr such as /ip4/192.168.1.5/tcp/4001/p2p/12D3KooW….',
    )
  const peer = /\/p2p\/([^/]*)/.exec(value)?.[1]
  if (peer !== undefined && !peerId.test(peer))
    throw new InvalidArgumentError(
      `'${peer}' is not a complete peer id: copy the whole address that the other node prints.`,
    )
  return collect(value, before)
}

/** `--api-host`: a name without port, in the form in which names are compared. */
export function parseHostName(value: string, before: readonly string[] = []): string[] {
  if (value.length > 253 || !/^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(value))
    throw new InvalidArgumentError('It should be a name such as shoal.example.org, without a port.')
  return collect(plainName(value), before)
}

/** `--api-origins`: origins as browsers send them. */
export function parseOrigins(value: string, before: readonly string[] = []): string[] {
  return value.split(',').reduce((origins, given) => {
    const origin = given.trim().toLowerCase().replace(/\/$/, '')
    if (!isOrigin(origin))
      throw new InvalidArgumentError(
        'It should be origins such as https://chat.example or chrome-extension://ID. "*" and "null" would let every page in: pages of any origin need an --api-key.',
      )
    return collect(origin, origins)
  }, before.slice())
}

/** `--manifest`: the complete id, as `ready` and `status --json` print it. */
export function parseManifestId(value: string): string {
  if (!/^[0-9a-f]{64}$/.test(value))
    throw new InvalidArgumentError(
      'It should be the 64 hexadecimal digits that shoal status --json prints as "manifest".',
    )
  return value
}

/** A number in `[least, most]`. */
export function parseNumber(least: number, most: number, whole = false): (value: string) => number {
  return (value) => {
    const number = value.trim() === '' ? Number.NaN : Number(value)
    if (Number.isNaN(number) || number < least || number > most || (whole && !Number.isInteger(number))) {
      throw new InvalidArgumentError(
        `It should be a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`,
      )
    }
    return number
  }
}

export const parseWhole = (least: number, most: number): ((value: string) => number) =>
  parseNumber(least, most, true)

/** `30m`, `12h` or `7d` to seconds. */
export function parseDuration(value: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(value.trim())
  const seconds = Number(match?.[1]) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ''] ?? Number.NaN)
  if (!(seconds >= 1 && seconds <= trustLimits.maxInviteSeconds))
    throw new InvalidArgumentError('It should be a time such as 30m, 12h or 7d, of at most a year.')
  return seconds
}

/** Nothing that runs here fits into less: a number without a unit below it was meant in another unit. */
const leastPlainBytes = 2 ** 20

/** `4GiB` to bytes. */
export function parseMemory(value: string): number {
  let bytes: number
  try {
    bytes = parseByteSize(value)
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}.`)
  }
  if (bytes < leastPlainBytes && /^[\d.\s]+$/.test(value))
    throw new InvalidArgumentError(
      `A number without a unit is bytes: write ${value.trim()}GiB or ${value.trim()}MiB.`,
    )
  return bytes
}

/** A size as for memory, or 0. */
export function parseDiskSize(value: string): number {
  return value.trim() === '0' ? 0 : parseMemory(value)
}

/** `a:b` to the blocks `[a, b)`. */
export function parseBlocks(value: string): [number, number] {
  const match = /^(\d+):(\d+)$/.exec(value)
  const [start, end] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || start >= end)
    throw new InvalidArgumentError('It should be START:END with START < END; 0:4 means blocks 0, 1, 2 and 3.')
  return [start, end]
}

/** `2,1,1` to speeds. */
export function parseSpeeds(value: string): number[] {
  const speeds = value.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (!speeds.every((speed) => Number.isFinite(speed) && speed > 0))
    throw new InvalidArgumentError('It should be positive numbers with commas between them, such as 2,1.')
  return speeds
}

/** `1,302,7` to token ids. */
export function parseTokenIds(value: string): number[] {
  const ids = value.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN))
  if (!ids.every(Number.isSafeInteger))
    throw new InvalidArgumentError('It should be token ids with commas between them, such as 1,302,7.')
  return ids
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, `:PORT` or `PORT` (on loopback), `[::1]:PORT`. */
export function parseHostPort(value: string): HostPort {
  const match = /^(?:(\[[0-9a-f:.]+\]|[\w.-]*):)?(\d{1,5})$/i.exec(value)
  const port = Number(match?.[2])
  if (match === null || port > 65_535)
    throw new InvalidArgumentError('It should be HOST:PORT, such as 127.0.0.1:8080.')
  const host = (match[1] ?? '').replaceAll(/[[\]]/g, '')
  return { host: host === '' ? '127.0.0.1' : host, port }
}
