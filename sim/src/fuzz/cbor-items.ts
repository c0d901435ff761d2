/** An item of CBOR in bytes: its head, and where it ends with everything inside it. */
export interface CborItem {
  readonly start: number
  readonly bodyStart: number
  readonly end: number
  /** 0 to 7, as RFC 8949 numbers the major types: 2 is bytes, 3 text, 4 a list, 5 a map. */
  readonly major: number
}

const itemsMax = 4096

/** All items of well-formed CBOR of known lengths, outer ones first; those that come before a damaged place otherwise. */
export function cborItems(bytes: Uint8Array): readonly CborItem[] {
  const items: CborItem[] = []
  readItem(bytes, 0, items)
  return items
}

/** @returns where the item ends; null when it is damaged */
function readItem(bytes: Uint8Array, start: number, items: CborItem[]): number | null {
  const head = bytes[start]
  if (head === undefined || items.length >= itemsMax) return null
  const [major, short] = [head >>> 5, head & 31]
  const extra = short < 24 ? 0 : 2 ** (short - 24)
  if (short > 27 || start + 1 + extra > bytes.length) return null
  const bodyStart = start + 1 + extra
  let count = extra === 0 ? short : 0
  for (let at = start + 1; at < bodyStart; at += 1) count = count * 256 + (bytes[at] ?? 0)
  const at = items.length
  items.push({ start, bodyStart, end: bodyStart, major })
  const end = endOf(bytes, { bodyStart, major }, count, items)
  if (end === null || end > bytes.length) return null
  items[at] = { start, bodyStart, end, major }
  return end
}

function endOf(
  bytes: Uint8Array,
  { bodyStart, major }: Pick<CborItem, 'bodyStart' | 'major'>,
  count: number,
  items: CborItem[],
): number | null {
  if (major === 2 || major === 3) return bodyStart + count
  const inside = major === 4 ? count : major === 5 ? 2 * count : major === 6 ? 1 : 0
  let end: number | null = bodyStart
  for (let done = 0; done < inside && end !== null; done += 1) end = readItem(bytes, end, items)
  return end
}

/** The head of bytes, text, a list or a map of so many. */
export function cborHead(major: number, count: number): Uint8Array {
  if (count < 24) return Uint8Array.of((major << 5) | count)
  if (count < 0x100) return Uint8Array.of((major << 5) | 24, count)
  if (count < 0x10000) return Uint8Array.of((major << 5) | 25, count >>> 8, count & 0xff)
  return Uint8Array.of(
    (major << 5) | 26,
    count >>> 24,
    (count >>> 16) & 0xff,
    (count >>> 8) & 0xff,
    count & 0xff,
  )
}
