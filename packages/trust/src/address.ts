/** An IP address and a TCP port, as an invite carries them. */
export interface Place {
  /** Four bytes or sixteen. */
  readonly ip: Uint8Array
  readonly port: number
}

/** The place that `/ip4/…/tcp/…` or `/ip6/…/tcp/…` begins with; null for any other address, such as one with a name. */
export function placeOf(address: string): Place | null {
  const match = /^\/(ip4|ip6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/p2p\/[^/]+)?$/.exec(address)
  const ip = match?.[1] === 'ip4' ? readIpv4(match[2] ?? '') : readIpv6(match?.[2] ?? '')
  const port = Number(match?.[3])
  return match === null || ip === null || port < 1 || port > 65_535 ? null : { ip, port }
}

/** The multiaddr of a place. */
export function addressOf({ ip, port }: Place): string {
  if (ip.length === 4) return `/ip4/${ip.join('.')}/tcp/${port}`
  const words = Array.from(
    { length: 8 },
    (_, index) => ((ip[2 * index] ?? 0) << 8) | (ip[2 * index + 1] ?? 0),
  )
  return `/ip6/${words.map((word) => word.toString(16)).join(':')}/tcp/${port}`
}

function readIpv4(text: string): Uint8Array | null {
  const parts = text.split('.')
  const fits = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
  return fits ? Uint8Array.from(parts, Number) : null
}

function readIpv6(text: string): Uint8Array | null {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0) return null
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = 8 - before.length - after.length
  if (tail === undefined ? gap !== 0 : gap < 1) return null
  const words = [...before, ...Array<string>(gap).fill('0'), ...after]
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return null
  return Uint8Array.from(words.flatMap((word) => [parseInt(word, 16) >>> 8, parseInt(word, 16) & 0xff]))
}
