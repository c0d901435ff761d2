import type { CodeRange } from './expression.ts'

/** Bytes of a character in order, each from a range. */
export type ByteRanges = readonly CodeRange[]

/** The largest code points with one, two and three bytes (RFC 3629). */
const lengthBounds = [0x7f, 0x7_ff, 0xff_ff]

/**
 * The UTF-8 of the characters of a range, as sequences of byte ranges: every way to take a byte of each range makes a
 * character of the range, and there is no other. This is how Thompson's grep and RE2 read classes.
 */
export function utf8Ranges(first: number, last: number): ByteRanges[] {
  for (const bound of lengthBounds)
    if (first <= bound && last > bound) return [...utf8Ranges(first, bound), ...utf8Ranges(bound + 1, last)]
  for (const bits of [6, 12, 18]) {
    const rest = (1 << bits) - 1
    if ((first & ~rest) === (last & ~rest)) continue
    // Bytes behind the first that differ between the ends must take all their values.
    if ((first & rest) !== 0)
      return [...utf8Ranges(first, first | rest), ...utf8Ranges((first | rest) + 1, last)]
    if ((last & rest) !== rest)
      return [...utf8Ranges(first, (last & ~rest) - 1), ...utf8Ranges(last & ~rest, last)]
  }
  const [from, to] = [bytesOf(first), bytesOf(last)]
  return [from.map((byte, index) => [byte, to[index] ?? byte])]
}

const bytesOf = (codePoint: number): number[] => [
  ...new TextEncoder().encode(String.fromCodePoint(codePoint)),
]
