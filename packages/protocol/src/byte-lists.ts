import { ShoalError } from '@shoal/host'
import { badFrame, noPayload } from './frame.ts'

/**
 * Byte strings one after the other, each behind its length in two bytes (little-endian).
 * @throws {ShoalError} `limit-exceeded` for a string that is longer than two bytes can tell
 */
export function joinLists(strings: readonly Uint8Array[]): Uint8Array {
  if (strings.length === 0) return noPayload
  const bytes = new Uint8Array(strings.reduce((sum, { length }) => sum + 2 + length, 0))
  let at = 0
  for (const string of strings) {
    if (string.length > 0xffff)
      throw new ShoalError('limit-exceeded', `${string.length} bytes do not fit a list of byte strings`)
    bytes[at] = string.length & 0xff
    bytes[at + 1] = string.length >>> 8
    bytes.set(string, at + 2)
    at += 2 + string.length
  }
  return bytes
}

/** Views of the strings of {@link joinLists}. @throws {ShoalError} `bad-frame` for an empty or a cut string, or too many bytes */
export function splitList(
  name: string,
  bytes: Uint8Array,
  stringBytesMax: number,
  bytesMax: number,
): readonly Uint8Array[] {
  if (bytes.length > bytesMax)
    throw badFrame(`${name}: ${bytes.length} bytes are over the limit of ${bytesMax}`)
  const strings: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const [low, high] = [bytes[at], bytes[at + 1]]
    if (low === undefined || high === undefined) throw badFrame(`${name}: a length is cut`)
    const length = low | (high << 8)
    const end = at + 2 + length
    if (length === 0 || length > stringBytesMax || end > bytes.length)
      throw badFrame(`${name}: ${length} is not an allowed length of a byte string`)
    strings.push(bytes.subarray(at + 2, end))
    at = end
  }
  return strings
}
