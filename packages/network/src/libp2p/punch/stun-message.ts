/** Messages of STUN (RFC 8489): only the binding request and its answer, which tells an address as the server sees it. */

/** An IP address and a UDP port. */
export interface Place {
  readonly ip: string
  readonly port: number
}

const headBytes = 20
const cookie = 0x2112a442
const types = { request: 0x0001, answer: 0x0101 } as const
const attributes = { mappedAddress: 0x0020, padding: 0x0026, otherAddress: 0x802c } as const

/** A request is padded to this, so that no answer is longer than what it answers. */
export const paddedRequestBytes = 96

/** @param transaction 12 unpredictable bytes, by which the answer is recognised */
export function encodeBindingRequest(transaction: Uint8Array): Uint8Array {
  const padding = Buffer.alloc(paddedRequestBytes - headBytes)
  padding.writeUInt16BE(attributes.padding, 0)
  padding.writeUInt16BE(padding.length - 4, 2)
  return Buffer.concat([head(types.request, padding.length, transaction), padding])
}

/** The transaction of a binding request; null for any other packet. */
export function readBindingRequest(packet: Uint8Array): Uint8Array | null {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength)
  return isMessage(bytes, types.request) ? bytes.subarray(8, headBytes) : null
}

/** @param other where the same server answers too; told only to those who ask with padding */
export function encodeBindingAnswer(transaction: Uint8Array, seen: Place, other: Place | null): Uint8Array {
  const told = [encodeAddress(attributes.mappedAddress, seen, transaction)]
  if (other !== null) told.push(encodeAddress(attributes.otherAddress, other, null))
  const body = Buffer.concat(told)
  return Buffer.concat([head(types.answer, body.length, transaction), body])
}

/** @returns null for a packet that is no answer to this transaction */
export function readBindingAnswer(
  packet: Uint8Array,
  transaction: Uint8Array,
): { readonly seen: Place; readonly other: Place | null } | null {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength)
  if (!isMessage(bytes, types.answer) || !bytes.subarray(8, headBytes).equals(transaction)) return null
  let [seen, other]: (Place | null)[] = [null, null]
  for (let at = headBytes; at + 4 <= bytes.length;) {
    const [type, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)]
    const value = bytes.subarray(at + 4, at + 4 + length)
    if (type === attributes.mappedAddress) seen ??= decodeAddress(value, transaction)
    if (type === attributes.otherAddress) other ??= decodeAddress(value, null)
    at += 4 + Math.ceil(length / 4) * 4
  }
  return seen === null || seen === undefined ? null : { seen, other: other ?? null }
}

function isMessage(bytes: Buffer, type: number): boolean {
  return (
    bytes.length >= headBytes &&
    bytes.readUInt16BE(0) === type &&
    bytes.readUInt16BE(2) === bytes.length - headBytes &&
    bytes.readUInt32BE(4) === cookie
  )
}

function head(type: number, bodyBytes: number, transaction: Uint8Array): Buffer {
  const bytes = Buffer.alloc(headBytes)
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(bodyBytes, 2)
  bytes.writeUInt32BE(cookie, 4)
  bytes.set(transaction, 8)
  return bytes
}

/** With a transaction, address and port are XORed, since some routers rewrite addresses that they find in packets. */
function encodeAddress(attribute: number, { ip, port }: Place, transaction: Uint8Array | null): Buffer {
  const address = ip.includes(':') ? bytesOfIp6(ip) : Buffer.from(ip.split('.').map(Number))
  const bytes = Buffer.alloc(8 + address.length)
  bytes.writeUInt16BE(attribute, 0)
  bytes.writeUInt16BE(4 + address.length, 2)
  bytes.writeUInt8(address.length === 4 ? 1 : 2, 5)
  bytes.writeUInt16BE(port, 6)
  address.copy(bytes, 8)
  mask(bytes.subarray(6), transaction)
  return bytes
}

function decodeAddress(value: Uint8Array, transaction: Uint8Array | null): Place | null {
  const bytes = Buffer.from(value)
  if (bytes.length !== (bytes[1] === 2 ? 20 : 8)) return null
  mask(bytes.subarray(2), transaction)
  const address = bytes.subarray(4)
  const words = Array.from({ length: address.length / 2 }, (_, index) => address.readUInt16BE(2 * index))
  const ip = address.length === 4 ? [...address].join('.') : words.map((word) => word.toString(16)).join(':')
  return { ip, port: bytes.readUInt16BE(2) }
}

/** @param bytes port and address */
function mask(bytes: Buffer, transaction: Uint8Array | null): void {
  if (transaction === null) return
  const key = Buffer.alloc(18)
  key.writeUInt16BE(cookie >>> 16, 0)
  key.writeUInt32BE(cookie, 2)
  key.set(transaction, 6)
  for (const [index, byte] of bytes.entries()) bytes[index] = byte ^ (key[index] ?? 0)
}

function bytesOfIp6(ip: string): Buffer {
  const [front = '', back] = (ip.split('%')[0] ?? '').split('::')
  const wordsOf = (part: string | undefined): string[] =>
    part === undefined || part === '' ? [] : part.split(':')
  const [first, last] = [wordsOf(front), wordsOf(back)]
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0')
  const bytes = Buffer.alloc(16)
  for (const [index, word] of [...first, ...zeros, ...last].slice(0, 8).entries())
    bytes.writeUInt16BE(parseInt(word, 16) & 0xffff, 2 * index)
  return bytes
}
