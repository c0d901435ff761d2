import { ShoalError } from '@shoal/host'
import { bech32m } from '@scure/base'
import { addressOf, placeOf, type Place } from './address.ts'
import { joinBytes } from './bytes.ts'
import { limits } from './limits.ts'
import { roles, type Role } from './roles.ts'

/** What a code tells a newcomer. The swarm's own secret and the model come from the peer that the code leads to. */
export interface InviteCode {
  readonly role: Role
  /** Seconds since 1970. */
  readonly expires: number
  readonly swarm: Uint8Array
  /** Key of the invite's door; of no use once the invite is spent. */
  readonly key: Uint8Array
  /** Multiaddrs of the peer that issued the invite. */
  readonly addresses: readonly string[]
}

const prefix = 'shoal'
const version = 1
const headBytes = 6 + limits.swarmIdBytes + limits.secretBytes
/** The beginning of a link, before the code. */
export const linkStart = 'shoal://join/'

/** Whether a word of a command line is an invite, as a code or as a link. */
export const isInviteCode = (text: string): boolean => stripLink(text).toLowerCase().startsWith(`${prefix}1`)

/** The code in a link, or the text itself. */
export const stripLink = (text: string): string =>
  text.trim().toLowerCase().startsWith(linkStart) ? text.trim().slice(linkStart.length) : text.trim()

/**
 * `shoal1` and bech32m of: version and role, numbers of IPv4 and IPv6 addresses (4 bits each), expiry 4, swarm 16, key 16,
 * then 6 bytes for each IPv4 address and 18 for each IPv6 address with their ports.
 * @throws {ShoalError} `bad-request` when no address can be written
 */
export function encodeInvite({ role, expires, swarm, key, addresses }: InviteCode): string {
  const places = addresses.map(placeOf).filter((place) => place !== null)
  const ofLength = (length: number): readonly Place[] =>
    places.filter(({ ip }) => ip.length === length).slice(0, limits.maxInviteAddresses)
  const [four, six] = [ofLength(4), ofLength(16)]
  if (four.length + six.length === 0)
    throw new ShoalError(
      'bad-request',
      'an invite needs an IP address that the newcomer can reach: start the node with --listen or --announce /ip4/…/tcp/…',
    )
  const head = Uint8Array.of((version << 4) | roles.indexOf(role), (four.length << 4) | six.length)
  const bytes = joinBytes(
    head,
    uint(expires, 4),
    swarm,
    key,
    ...[...four, ...six].flatMap(({ ip, port }) => [ip, uint(port, 2)]),
  )
  return bech32m.encode(prefix, bech32m.toWords(bytes), limits.maxInviteCharacters)
}

/** Reads a code or a link. @throws {ShoalError} `bad-request` that says what is wrong with it */
export function decodeInvite(text: string): InviteCode {
  const bytes = readBytes(stripLink(text))
  const [first = 0, counts = 0] = bytes
  if (first >>> 4 !== version)
    throw new ShoalError('bad-request', 'the invite is of a later version of shoal: update this program')
  const role = roles[first & 15]
  const [four, six] = [counts >>> 4, counts & 15]
  const fits = four <= limits.maxInviteAddresses && six <= limits.maxInviteAddresses && four + six > 0
  if (role === undefined || !fits || bytes.length !== headBytes + 6 * four + 18 * six) throw damaged()
  const lengths = [...Array<number>(four).fill(4), ...Array<number>(six).fill(16)]
  let offset = headBytes
  const addresses = lengths.map((length) => {
    const ip = bytes.slice(offset, offset + length)
    const port = readUint(bytes.subarray(offset + length, offset + length + 2))
    offset += length + 2
    return addressOf({ ip, port })
  })
  return {
    role,
    expires: readUint(bytes.subarray(2, 6)),
    swarm: bytes.slice(6, 22),
    key: bytes.slice(22, 38),
    addresses,
  }
}

function readBytes(text: string): Uint8Array {
  try {
    const { prefix: found, words } = bech32m.decode(text as `${string}1${string}`, limits.maxInviteCharacters)
    if (found !== prefix) throw damaged()
    return bech32m.fromWords(words)
  } catch {
    throw damaged()
  }
}

const damaged = (): ShoalError =>
  new ShoalError(
    'bad-request',
    'this is not a complete invite: copy the whole code, which begins with shoal1 (its last letters are a checksum)',
  )

const uint = (value: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => Math.floor(value / 256 ** (length - 1 - index)) & 0xff)

const readUint = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0)
