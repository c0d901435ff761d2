import { ModelError } from '../../error.ts'
import { show } from '../../json-fields.ts'

/** What becomes of the places of a text that a pattern matches. */
export type SplitBehavior = 'removed' | 'isolated' | 'contiguous' | 'mergedwithprevious' | 'mergedwithnext'

const behaviors: readonly SplitBehavior[] = [
  'removed',
  'isolated',
  'contiguous',
  'mergedwithprevious',
  'mergedwithnext',
]

/** @throws {ModelError} `unsupported-model` */
export function behaviorNamed(name: unknown): SplitBehavior {
  const found = typeof name === 'string' ? behaviors.find((one) => one === name.toLowerCase()) : undefined
  if (found !== undefined) return found
  throw new ModelError('unsupported-model', `the tokenizer splits as ${show(name)}, which is not supported`)
}

interface Range {
  from: number
  to: number
  readonly matched: boolean
}

/**
 * Parts of a text as a pattern cuts it, without empty ones.
 * @param pattern with the flag `g`
 * @param inverted the places between two matches count as matches
 */
export function splitBy(text: string, pattern: RegExp, behavior: SplitBehavior, inverted = false): string[] {
  const ranges: Range[] = []
  let end = 0
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (index > end) ranges.push({ from: end, to: index, matched: inverted })
    end = index + found.length
    ranges.push({ from: index, to: end, matched: !inverted })
  }
  if (end < text.length) ranges.push({ from: end, to: text.length, matched: inverted })
  return joined(ranges, behavior)
    .filter(({ from, to }) => to > from)
    .map(({ from, to }) => text.slice(from, to))
}

function joined(ranges: Range[], behavior: SplitBehavior): Range[] {
  switch (behavior) {
    case 'isolated':
      return ranges
    case 'removed':
      return ranges.filter(({ matched }) => !matched)
    case 'contiguous':
      return ranges.reduce<Range[]>((parts, range) => {
        const last = parts.at(-1)
        if (last?.matched === range.matched) last.to = range.to
        else parts.push({ ...range })
        return parts
      }, [])
    case 'mergedwithprevious':
      return mergedWithPrevious(ranges)
    case 'mergedwithnext':
      return mergedWithNext(ranges)
  }
}

function mergedWithPrevious(ranges: readonly Range[]): Range[] {
  const parts: Range[] = []
  let before = false
  for (const range of ranges) {
    const last = parts.at(-1)
    if (range.matched && !before && last !== undefined) last.to = range.to
    else parts.push({ ...range })
    before = range.matched
  }
  return parts
}

function mergedWithNext(ranges: readonly Range[]): Range[] {
  const parts: Range[] = []
  let behind = false
  for (const range of ranges.toReversed()) {
    const last = parts.at(-1)
    if (range.matched && !behind && last !== undefined) last.from = range.from
    else parts.push({ ...range })
    behind = range.matched
  }
  return parts.toReversed()
}
