import { characters, choice, repeat, sequence, text, type Expression } from '../expression.ts'

const digit = (first: number, last: number): Expression =>
  first === last ? text(String(first)) : characters([0x30 + first, 0x30 + last])

/** Whole numbers from `least` to `most`, without leading zeros. */
export function integersBetween(least: bigint, most: bigint): Expression {
  if (least < 0n) {
    const last = most < 0n ? -most : 1n
    const below = sequence(text('-'), integersBetween(last, -least))
    return most < 0n ? below : choice(below, integersBetween(0n, most))
  }
  const options: Expression[] = []
  const [first, last] = [String(least), String(most)]
  for (let length = first.length; length <= last.length; length++) {
    const from = length === first.length ? first : `1${'0'.repeat(length - 1)}`
    const to = length === last.length ? last : '9'.repeat(length)
    options.push(...sameLength(from, to))
  }
  return choice(...options)
}

/**
 * Digits from `from` to `to`, which have the same length, as options without choices inside of them: among several options,
 * XGrammar 0.1.27 loses what stands before such a choice, and allowed 148 for 1511 and more.
 */
function sameLength(from: string, to: string): Expression[] {
  const rest = from.length - 1
  if (rest === 0) return [digit(Number(from), Number(to))]
  const [first, last] = [Number(from[0]), Number(to[0])]
  const behind = (begin: number, low: string, high: string): Expression[] =>
    sameLength(low, high).map((option) => sequence(text(String(begin)), option))
  if (first === last) return behind(first, from.slice(1), to.slice(1))
  const options: Expression[] = []
  const lowWhole = /^0*$/.test(from.slice(1))
  const highWhole = /^9*$/.test(to.slice(1))
  if (!lowWhole) options.push(...behind(first, from.slice(1), '9'.repeat(rest)))
  const [low, high] = [lowWhole ? first : first + 1, highWhole ? last : last - 1]
  if (low <= high) options.push(sequence(digit(low, high), repeat(characters([0x30, 0x39]), rest, rest)))
  if (!highWhole) options.push(...behind(last, '0'.repeat(rest), to.slice(1)))
  return options
}
