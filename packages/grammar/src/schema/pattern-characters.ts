import { characters, choice, text, type CodeRange, type Expression } from '../expression.ts'
import { plainRanges } from './json-text.ts'

/** All characters of a text, and those that `.` means. */
export const everyCharacter: readonly CodeRange[] = [
  [0, 0xd7_ff],
  [0xe0_00, 0x10_ff_ff],
]
const lineEnds: readonly CodeRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x20_28, 0x20_29],
]

const digits: readonly CodeRange[] = [[0x30, 0x39]]
const wordCharacters: readonly CodeRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]
const spaces: readonly CodeRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x16_80, 0x16_80],
  [0x20_00, 0x20_0a],
  [0x20_28, 0x20_29],
  [0x20_2f, 0x20_2f],
  [0x20_5f, 0x20_5f],
  [0x30_00, 0x30_00],
  [0xfe_ff, 0xfe_ff],
]

export function complement(ranges: readonly CodeRange[]): CodeRange[] {
  return intersection(everyCharacter, gaps(ranges))
}

function gaps(ranges: readonly CodeRange[]): CodeRange[] {
  const found: CodeRange[] = []
  let next = 0
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (first > next) found.push([next, first - 1])
    next = Math.max(next, last + 1)
  }
  if (next <= 0x10_ff_ff) found.push([next, 0x10_ff_ff])
  return found
}

function intersection(some: readonly CodeRange[], others: readonly CodeRange[]): CodeRange[] {
  return some.flatMap(([first, last]) =>
    others.flatMap(([from, to]): CodeRange[] => {
      const both: CodeRange = [Math.max(first, from), Math.min(last, to)]
      return both[0] <= both[1] ? [both] : []
    }),
  )
}

/** `\d` and its kind, and `.`. */
export const characterClasses: Readonly<Record<string, readonly CodeRange[]>> = {
  d: digits,
  D: complement(digits),
  w: wordCharacters,
  W: complement(wordCharacters),
  s: spaces,
  S: complement(spaces),
  '.': complement(lineEnds),
}

const shortEscapes: Readonly<Record<number, string>> = {
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0c: '\\f',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\',
}

/** One character of these ranges, as a JSON string writes it; null where there is none. */
export function jsonCharacter(ranges: readonly CodeRange[]): Expression | null {
  const merged = complement(complement(ranges))
  const plain = intersection(merged, plainRanges)
  const options: Expression[] = plain.length === 0 ? [] : [characters(...plain)]
  for (const point of [...Array.from({ length: 0x20 }, (_, index) => index), 0x22, 0x5c])
    if (merged.some(([first, last]) => point >= first && point <= last))
      options.push(text(shortEscapes[point] ?? `\\u${point.toString(16).padStart(4, '0')}`))
  return options.length === 0 ? null : choice(...options)
}
