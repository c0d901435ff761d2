/**
 * Messages by which a router is asked to forward a port: NAT-PMP (RFC 6886) and its successor PCP (RFC 6887), TCP over IPv4
 * only. Both go to the same port of the router; an answer of the other version says which one it speaks.
 */

/** An IPv4 address and a port. */
export interface Place {
  readonly ip: string
  readonly port: number
}

/** A granted port, why it was refused, or that the router speaks the other version. */
export type Answer =
  | {
      readonly kind: 'granted'
      readonly port: number
      readonly lifetimeS: number
      readonly ip: string | null
    }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'other-version' }

/** The UDP port of routers for both. */
export const controlPort = 5351

const tcp = { pmp: 2, pcp: 6 } as const
const versions = { pmp: 0, pcp: 2 } as const
const isAnswer = 0x80
const operations = { pmpAddress: 0, pcpMap: 1 } as const

const pmpRefusals = [
  '',
  'it speaks another version',
  'its owner has switched it off',
  'it has no address of the internet itself',
  'it has no port left',
  'it cannot forward ports',
]

const pcpRefusals = [
  '',
  'it speaks another version',
  'its owner has switched it off',
  'it took the question for damaged',
  'it cannot forward ports',
  'it does not know an option',
  'it took an option for damaged',
  'it has no address of the internet itself',
  'it has no port left',
  'it cannot forward TCP',
  'this machine has too many ports forwarded',
  'it may not choose the port',
  'another router stands between',
  'it cannot forward to this address',
]

const reasonIn = (reasons: readonly string[], code: number): string => reasons[code] ?? `code ${code}`

/** @param lifetimeS 0 ends the mapping */
export function encodePmpMap(internalPort: number, externalPort: number, lifetimeS: number): Uint8Array {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt8(versions.pmp, 0)
  bytes.writeUInt8(tcp.pmp, 1)
  bytes.writeUInt16BE(internalPort, 4)
  bytes.writeUInt16BE(externalPort, 6)
  bytes.writeUInt32BE(lifetimeS, 8)
  return bytes
}

/** @returns undefined for a packet that answers something else */
export function readPmpMap(packet: Uint8Array, internalPort: number): Answer | undefined {
  const bytes = Buffer.from(packet)
  if (bytes.length < 4 || bytes[0] !== versions.pmp || bytes[1] !== (isAnswer | tcp.pmp)) return undefined
  const code = bytes.readUInt16BE(2)
  if (code === 1) return { kind: 'other-version' }
  if (code !== 0) return { kind: 'refused', why: reasonIn(pmpRefusals, code) }
  if (bytes.length < 16 || bytes.readUInt16BE(8) !== internalPort) return undefined
  return { kind: 'granted', port: bytes.readUInt16BE(10), lifetimeS: bytes.readUInt32BE(12), ip: null }
}

export const encodePmpAddress = (): Uint8Array => Uint8Array.of(versions.pmp, operations.pmpAddress)

/** The router's address of the internet; undefined for a packet that answers something else, null when it has none. */
export function readPmpAddress(packet: Uint8Array): string | null | undefined {
  const bytes = Buffer.from(packet)
  if (bytes.length < 4 || bytes[0] !== versions.pmp || bytes[1] !== isAnswer) return undefined
  if (bytes.readUInt16BE(2) !== 0 || bytes.length < 12) return null
  return [...bytes.subarray(8, 12)].join('.')
}

/** @param nonce 12 unpredictable bytes; the same ones renew and end the mapping */
export function encodePcpMap(
  internal: Place,
  externalPort: number,
  lifetimeS: number,
  nonce: Uint8Array,
): Uint8Array {
  const bytes = Buffer.alloc(60)
  bytes.writeUInt8(versions.pcp, 0)
  bytes.writeUInt8(operations.pcpMap, 1)
  bytes.writeUInt32BE(lifetimeS, 4)
  writeIp4(bytes, internal.ip, 8)
  bytes.set(nonce, 24)
  bytes.writeUInt8(tcp.pcp, 36)
  bytes.writeUInt16BE(internal.port, 40)
  bytes.writeUInt16BE(externalPort, 42)
  writeIp4(bytes, '0.0.0.0', 44)
  return bytes
}

/** @returns undefined for a packet that answers something else */
export function readPcpMap(packet: Uint8Array, internalPort: number, nonce: Uint8Array): Answer | undefined {
  const bytes = Buffer.from(packet)
  if (bytes.length < 4) return undefined
  // A router that speaks NAT-PMP only answers in its own version.
  if (bytes[0] === versions.pmp) return { kind: 'other-version' }
  if (bytes[0] !== versions.pcp || bytes[1] !== (isAnswer | operations.pcpMap)) return undefined
  const code = bytes[3] ?? 0
  if (code === 1) return { kind: 'other-version' }
  if (code !== 0) return { kind: 'refused', why: reasonIn(pcpRefusals, code) }
  const fits =
    bytes.length >= 60 &&
    bytes.subarray(24, 36).equals(Buffer.from(nonce)) &&
    bytes[36] === tcp.pcp &&
    bytes.readUInt16BE(40) === internalPort
  if (!fits) return undefined
  const ip = readIp4(bytes, 44)
  if (ip === null) return { kind: 'refused', why: 'it gave no address of IPv4' }
  return { kind: 'granted', port: bytes.readUInt16BE(42), lifetimeS: bytes.readUInt32BE(4), ip }
}

/** An IPv4 address in the form of IPv6. */
function writeIp4(bytes: Buffer, ip: string, at: number): void {
  bytes.writeUInt16BE(0xffff, at + 10)
  bytes.set(ip.split('.').map(Number), at + 12)
}

const readIp4 = (bytes: Buffer, at: number): string | null =>
  bytes.readUInt16BE(at + 10) === 0xffff && bytes.subarray(at, at + 10).every((byte) => byte === 0)
    ? [...bytes.subarray(at + 12, at + 16)].join('.')
    : null
