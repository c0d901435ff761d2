import { grammarLimits } from '../limits.ts'
import { choice, repeat, sequence, type CodeRange, type Expression } from '../expression.ts'
import { stringCharacter } from './json-text.ts'
import { characterClasses, complement, jsonCharacter } from './pattern-characters.ts'
import { refused } from './schema-error.ts'

/** The content of a JSON string, and how many characters the string may have. */
export interface PatternText {
  readonly expression: Expression
  readonly least: number
  readonly most: number | null
}

/**
 * A regular expression of ECMAScript as far as it is a regular language: characters, classes, groups, choices and
 * quantifiers, with `^` and `$` at the ends of the whole pattern's choices.
 * @throws {ModelError} `bad-request` for whatever else
 */
export function readPattern(pattern: string, path: string, keyword: string): PatternText {
  if (!isRegularExpression(pattern)) throw refused(path, keyword, 'is not a regular expression')
  return new PatternReader(pattern, (what) =>
    refused(path, keyword, `has ${what}, which is not supported`),
  ).read()
}

function isRegularExpression(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').unicode
  } catch {
    return false
  }
}

const anyText: PatternText = { expression: repeat(stringCharacter, 0, null), least: 0, most: null }
const control: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 }

class PatternReader {
  readonly #text: readonly string[]
  readonly #refusal: (what: string) => Error
  #at = 0
  #depth = 0

  constructor(pattern: string, refusal: (what: string) => Error) {
    this.#text = Array.from(pattern)
    this.#refusal = refusal
  }

  read(): PatternText {
    const whole = this.#choices(true)
    if (this.#at < this.#text.length) throw this.#refusal(`'${this.#text[this.#at]}' at ${this.#at}`)
    return whole
  }

  #take(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false
    this.#at += 1
    return true
  }

  #choices(outer: boolean): PatternText {
    this.#depth += 1
    if (this.#depth > grammarLimits.schemaDepthMax) throw this.#refusal('too many groups inside of groups')
    const options: PatternText[] = []
    do options.push(this.#parts(outer))
    while (this.#take('|'))
    this.#depth -= 1
    return {
      expression: choice(...options.map(({ expression }) => expression)),
      least: Math.min(...options.map(({ least }) => least)),
      most: options.reduce<number | null>(
        (most, option) => (most === null || option.most === null ? null : Math.max(most, option.most)),
        0,
      ),
    }
  }

  #parts(outer: boolean): PatternText {
    const parts: PatternText[] = outer && !this.#take('^') ? [anyText] : []
    let closed = false
    while (this.#at < this.#text.length && !['|', ')'].includes(this.#text[this.#at] ?? '')) {
      if (closed) throw this.#refusal("'$' before its end")
      if (outer && this.#take('$')) closed = true
      else parts.push(this.#repeated())
    }
    if (outer && !closed) parts.push(anyText)
    return {
      expression: sequence(...parts.map(({ expression }) => expression)),
      least: parts.reduce((sum, { least }) => sum + least, 0),
      most: parts.reduce<number | null>(
        (sum, { most }) => (sum === null || most === null ? null : sum + most),
        0,
      ),
    }
  }

  #repeated(): PatternText {
    const part = this.#part()
    const [least, most] = this.#quantifier()
    // Lazy or greedy: the language is the same.
    this.#take('?')
    return {
      expression: repeat(part.expression, least, most),
      least: part.least * least,
      most: part.most === 0 ? 0 : part.most === null || most === null ? null : part.most * most,
    }
  }

  #quantifier(): [least: number, most: number | null] {
    if (this.#take('*')) return [0, null]
    if (this.#take('+')) return [1, null]
    if (this.#take('?')) return [0, 1]
    const [all, first, second] =
      /^\{(\d+)(?:,(\d*))?\}/.exec(this.#text.slice(this.#at, this.#at + 24).join('')) ?? []
    if (all === undefined || first === undefined) return [1, 1]
    this.#at += all.length
    const least = Number(first)
    const most = second === undefined ? least : second === '' ? null : Number(second)
    if (Math.max(least, most ?? 0) > grammarLimits.patternCountMax)
      throw this.#refusal(`a repetition of more than ${grammarLimits.patternCountMax}`)
    return [least, most]
  }

  #part(): PatternText {
    const start = this.#at
    const sign = this.#text[this.#at++] ?? ''
    if (sign === '(') {
      const name = /^\?<[A-Za-z_]\w*>/.exec(this.#text.slice(this.#at, this.#at + 64).join(''))?.[0]
      if (name !== undefined) this.#at += name.length
      else if (this.#take('?') && !this.#take(':')) throw this.#refusal(`an assertion at ${start}`)
      const inside = this.#choices(false)
      this.#take(')')
      return inside
    }
    if (sign === '^' || sign === '$') throw this.#refusal(`'${sign}' inside`)
    if (sign === '.') return this.#one(characterClasses['.'] ?? [])
    if (sign === '[') return this.#one(this.#class())
    return this.#one(sign === '\\' ? this.#escape() : pointOf(sign))
  }

  #one(ranges: readonly CodeRange[]): PatternText {
    const expression = jsonCharacter(ranges)
    if (expression === null) throw this.#refusal('a class without characters')
    return { expression, least: 1, most: 1 }
  }

  #class(): CodeRange[] {
    const negated = this.#take('^')
    const ranges: CodeRange[] = []
    while (!this.#take(']')) {
      const from = this.#classPart()
      const single = from.length === 1 && from[0]?.[0] === from[0]?.[1]
      if (single && this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']') {
        this.#at += 1
        ranges.push([from[0]?.[0] ?? 0, this.#classPart()[0]?.[1] ?? 0])
      } else ranges.push(...from)
    }
    return negated ? complement(ranges) : ranges
  }

  #classPart(): readonly CodeRange[] {
    const sign = this.#text[this.#at++] ?? ''
    if (sign !== '\\') return pointOf(sign)
    return this.#take('b') ? [[8, 8]] : this.#escape()
  }

  #escape(): readonly CodeRange[] {
    const sign = this.#text[this.#at++] ?? ''
    const known = sign === '.' ? undefined : characterClasses[sign]
    if (known !== undefined) return known
    const point = control[sign]
    if (point !== undefined) return [[point, point]]
    const hex = /^(?:x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|u\{([\dA-Fa-f]+)\})/.exec(
      this.#text.slice(this.#at - 1, this.#at + 10).join(''),
    )
    if (hex !== null) {
      const value = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16)
      if (value >= 0xd8_00 && value <= 0xdf_ff) throw this.#refusal('half of a surrogate pair')
      this.#at += hex[0].length - 1
      return [[value, value]]
    }
    if (/\w/.test(sign)) throw this.#refusal(`'\\${sign}'`)
    return pointOf(sign)
  }
}

function pointOf(sign: string): readonly CodeRange[] {
  const point = sign.codePointAt(0) ?? 0
  return [[point, point]]
}
