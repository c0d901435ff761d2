import { grammarLimits } from '../limits.ts'
import {
  characters,
  choice,
  empty,
  repeat,
  sequence,
  text,
  type CodeRange,
  type Expression,
} from '../expression.ts'
import { anyObject, anyValue, blank, colon, comma, enclosed, plainRanges, quoted } from './json-text.ts'
import { refused } from './schema-error.ts'
import { below, isFields, type Fields, type Made, type SchemaContext } from './schema-types.ts'

const noMembers = sequence(text('{'), blank, text('}'))

interface Member {
  readonly expression: Expression
  readonly required: boolean
}

/**
 * Members in the order of `properties`. Members that no schema describes are written only where `additionalProperties` is
 * given and not false, or where the schema describes no member at all.
 */
export function objectOf(schema: Fields, path: string, context: SchemaContext): Made {
  const { properties = {}, required = [], additionalProperties } = schema
  if (!isFields(properties)) throw refused(path, 'properties', 'must be an object')
  if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
    throw refused(path, 'required', 'must be a list of names')
  const names = [...new Set([...Object.keys(properties), ...required])]
  if (names.length > grammarLimits.propertiesMax)
    throw refused(path, 'properties', `may have ${grammarLimits.propertiesMax} members at most`)
  if (names.length === 0 && (additionalProperties === undefined || additionalProperties === true))
    return anyObject
  context.work.spend(names.length)
  const long = names.find((name) => name.length > grammarLimits.nameLengthMax)
  if (long !== undefined)
    throw refused(path, 'properties', `may have names of ${grammarLimits.nameLengthMax} characters at most`)
  const others =
    additionalProperties === undefined
      ? null
      : context.make(additionalProperties, below(path, 'additionalProperties'))
  const needed = new Set<string>(required)
  const members: Member[] = []
  for (const name of names) {
    const must = needed.has(name)
    const value = Object.hasOwn(properties, name)
      ? context.make(properties[name], below(below(path, 'properties'), name))
      : additionalProperties === undefined
        ? anyValue
        : others
    if (value === null && must) return null
    if (value !== null)
      members.push({ expression: sequence(text(JSON.stringify(name)), colon, value), required: must })
  }
  const other = others === null ? null : sequence(quoted(otherNames(names)), colon, others)
  return membersOf(members, other, context)
}

function membersOf(members: readonly Member[], other: Expression | null, context: SchemaContext): Expression {
  /** Continuations after a member, made from the last member to the first, so that each is made once. */
  let rest: Expression = other === null ? empty : repeat(sequence(comma, other), 0, null)
  /** Continuations where no member has been written yet; null where none is possible. */
  let first: Expression | null = other === null ? null : sequence(other, rest)
  let mayBeEmpty = true
  for (const { expression, required } of members.toReversed()) {
    const behind = context.share(rest)
    const own = sequence(expression, behind)
    first = required || first === null ? own : choice(own, context.share(first))
    rest = required ? sequence(comma, own) : choice(sequence(comma, own), behind)
    mayBeEmpty &&= !required
  }
  if (first === null) return noMembers
  const some = enclosed('{', first, '}')
  return mayBeEmpty ? choice(noMembers, some) : some
}

/** Names without a backslash that are none of `names`. */
function otherNames(names: readonly string[]): Expression {
  const byFirst = new Map<number, string[]>()
  for (const name of names) {
    const first = name.codePointAt(0)
    if (first === undefined) continue
    const list = byFirst.get(first) ?? []
    list.push(name.slice(String.fromCodePoint(first).length))
    byFirst.set(first, list)
  }
  const taken = [...byFirst.keys()].filter(isPlain).toSorted((a, b) => a - b)
  const others = sequence(
    characters(...without(plainRanges, taken)),
    repeat(characters(...plainRanges), 0, null),
  )
  const along = taken.map((first) =>
    sequence(text(String.fromCodePoint(first)), otherNames(byFirst.get(first) ?? [])),
  )
  return choice(...(names.includes('') ? [] : [empty]), others, ...along)
}

const isPlain = (codePoint: number): boolean =>
  plainRanges.some(([first, last]) => codePoint >= first && codePoint <= last)

/** @param taken code points in ascending order */
export function without(ranges: readonly CodeRange[], taken: readonly number[]): CodeRange[] {
  let left: CodeRange[] = [...ranges]
  for (const point of taken)
    left = left.flatMap(([first, last]): CodeRange[] => {
      if (point < first || point > last) return [[first, last]]
      const parts: CodeRange[] = [
        [first, point - 1],
        [point + 1, last],
      ]
      return parts.filter(([from, to]) => from <= to)
    })
  return left
}
