import type { Random } from '@shoal/host'
import { cborHead, cborItems, type CborItem } from './cbor-items.ts'
import { below, joined, pieces } from './mutate-bytes.ts'

const contentBytesMax = 4096

/** One byte of bytes or text, an end that is cut off, or more than was there. */
function otherContent(content: Uint8Array, random: Random): Uint8Array {
  switch (below(random, 4)) {
    case 0: {
      const copy = content.slice()
      const at = below(random, copy.length)
      if (at < copy.length) copy[at] = below(random, 256)
      return copy
    }
    case 1:
      return content.subarray(0, below(random, content.length))
    case 2:
      return joined(content, random.bytes(1 + below(random, 32)))
    default:
      return joined(content, new Uint8Array(below(random, contentBytesMax)).fill(0x61))
  }
}

/** What takes the place of an item of the own input. */
function substitute(bytes: Uint8Array, item: CborItem, random: Random, other: Uint8Array): Uint8Array {
  const own = bytes.subarray(item.start, item.end)
  const content = bytes.subarray(item.bodyStart, item.end)
  const choice = below(random, 4)
  if (choice === 0) return pieces[below(random, pieces.length)] ?? own
  if (choice === 1) {
    const items = cborItems(other)
    const { start, end } = items[below(random, items.length)] ?? { start: 0, end: 0 }
    return start === end ? own : other.subarray(start, end)
  }
  if (item.major === 2 || item.major === 3) {
    const changed = otherContent(content, random)
    return joined(cborHead(item.major, changed.length), changed)
  }
  if (item.major === 4 || item.major === 5) {
    const entries = cborItems(own).length - 1
    // All of it twice (a map then has each key twice), or nothing of it.
    if (entries === 0 || below(random, 2) === 0) return cborHead(item.major, 0)
    const count = entriesOf(own, item.major)
    return joined(cborHead(item.major, 2 * count), content, content)
  }
  return joined(cborHead(item.major === 7 ? 0 : item.major, below(random, 0x1_0000_0000)))
}

/** The number in the head of a list or map. */
function entriesOf(item: Uint8Array, major: number): number {
  for (let count = 0; count <= item.length; count += 1) {
    const head = cborHead(major, count)
    if (head.every((byte, at) => item[at] === byte)) return count
  }
  return 0
}

/**
 * Another item in the place of one: the result is as well-formed as the input was, so that the decoder reads what the
 * values say. CBOR in which no item is found stays as it is.
 */
export function mutateItems(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const items = cborItems(bytes)
  const item = items[below(random, items.length)]
  if (item === undefined) return bytes
  return joined(
    bytes.subarray(0, item.start),
    substitute(bytes, item, random, other),
    bytes.subarray(item.end),
  )
}
