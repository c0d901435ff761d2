import { jsonRules } from '../schema/json-text.ts'
import type { Expression } from '../expression.ts'
import { utf8Ranges, type ByteRanges } from '../utf8-ranges.ts'

/** An expression over bytes, by its number. Equal expressions of one pool have the same number. */
export type Id = number

/** No text at all, and the empty text alone. */
export const nothing: Id = 0
export const empty: Id = 1

type Node =
  | { readonly kind: 'nothing' | 'empty' }
  | { readonly kind: 'bytes'; readonly ranges: ByteRanges }
  | { readonly kind: 'then'; readonly first: Id; readonly rest: Id }
  | { readonly kind: 'either'; readonly options: readonly Id[] }
  | { readonly kind: 'times'; readonly part: Id; readonly least: number; readonly most: number | null }

/** More expressions than a string needs that is as long as the context of a model; beyond them its grammar is refused. */
const expressionsMax = 400_000

/**
 * Regular expressions over bytes with their derivatives (Brzozowski 1964, doi:10.1145/321239.321249): what may follow a byte is
 * again an expression. A repetition that is counted to 1,000 is one expression with a number, and not 1,000 states.
 */
export class ByteExpressions {
  readonly #nodes: Node[] = [{ kind: 'nothing' }, { kind: 'empty' }]
  readonly #nullable: boolean[] = [false, true]
  readonly #ids = new Map<string, Id>()
  /** Derivatives by every byte, of expressions from which tokens have been looked up; -1 for those not yet found. */
  readonly #tables: (Int32Array | undefined)[] = []
  readonly #clamped = new Map<Id, Id>()
  /** Repetitions are told apart up to this count in `clamp`. */
  readonly #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  /** The expression of a grammar's expression, which may name rules of JSON that do not refer to themselves. */
  from(expression: Expression): Id {
    switch (expression.type) {
      case 'text':
        return this.#chain([...new TextEncoder().encode(expression.text)].map((byte) => [byte, byte]))
      case 'characters':
        return this.#characters(expression.ranges.flatMap(([first, last]) => utf8Ranges(first, last)))
      case 'sequence':
        return expression.parts.reduceRight<Id>((rest, part) => this.joined(this.from(part), rest), empty)
      case 'choice':
        return this.#either(expression.options.map((option) => this.from(option)))
      case 'repeat':
        return this.#times(this.from(expression.part), expression.least, expression.most)
      case 'rule': {
        const named = jsonRules.get(expression.name)
        if (named === undefined) throw new Error(`a string has no rule ${expression.name}`)
        return this.from(named)
      }
      case 'string':
        throw new Error('a string has no string inside')
    }
  }

  /** First the one, then the other. */
  joined(first: Id, rest: Id): Id {
    if (first === nothing || rest === nothing) return nothing
    if (first === empty) return rest
    if (rest === empty) return first
    const node = this.#node(first)
    if (node.kind === 'then') return this.joined(node.first, this.joined(node.rest, rest))
    const nullable = this.#isNullable(first) && this.#isNullable(rest)
    return this.#intern(`t${first} ${rest}`, { kind: 'then', first, rest }, nullable)
  }

  /** What may follow each byte, as far as it has been looked for; -1 for the others. */
  table(id: Id): Int32Array {
    return (this.#tables[id] ??= new Int32Array(256).fill(-1))
  }

  /** What may follow `byte`, kept in the table. */
  next(id: Id, byte: number): Id {
    const found = this.derive(id, byte)
    this.table(id)[byte] = found
    return found
  }

  derive(id: Id, byte: number): Id {
    const node = this.#node(id)
    switch (node.kind) {
      case 'nothing':
      case 'empty':
        return nothing
      case 'bytes':
        return node.ranges.some(([first, last]) => byte >= first && byte <= last) ? empty : nothing
      case 'then': {
        const through = this.joined(this.derive(node.first, byte), node.rest)
        return this.#isNullable(node.first) ? this.#either([through, this.derive(node.rest, byte)]) : through
      }
      case 'either':
        return this.#either(node.options.map((option) => this.derive(option, byte)))
      case 'times': {
        const { part, least, most } = node
        const left = this.#times(part, Math.max(0, least - 1), most === null ? null : most - 1)
        return this.joined(this.derive(part, byte), left)
      }
    }
  }

  /**
   * An expression with the same beginnings and the same whole texts of up to `countMax` bytes: counts beyond that number
   * are forgotten, so that all places far from the bounds of a string have one expression.
   */
  clamp(id: Id): Id {
    const known = this.#clamped.get(id)
    if (known !== undefined) return known
    const made = this.#clamp(this.#node(id), id)
    this.#clamped.set(id, made)
    return made
  }

  #clamp(node: Node, id: Id): Id {
    switch (node.kind) {
      case 'nothing':
      case 'empty':
      case 'bytes':
        return id
      case 'then':
        return this.joined(this.clamp(node.first), this.clamp(node.rest))
      case 'either':
        return this.#either(node.options.map((option) => this.clamp(option)))
      case 'times': {
        // Each part has a byte at least: `#times` makes the least number 0 where it may have none.
        const most = node.most !== null && node.most > this.#countMax ? null : node.most
        return this.#times(this.clamp(node.part), Math.min(node.least, this.#countMax + 1), most)
      }
    }
  }

  #chain(ranges: ByteRanges): Id {
    return ranges.reduceRight<Id>((rest, range) => this.joined(this.#bytes([range]), rest), empty)
  }

  /** Characters of one byte are one class. */
  #characters(forms: readonly ByteRanges[]): Id {
    const single = forms.filter(({ length }) => length === 1).flat()
    const longer = forms.filter(({ length }) => length > 1).map((form) => this.#chain(form))
    return this.#either([single.length === 0 ? nothing : this.#bytes(single), ...longer])
  }

  #bytes(ranges: ByteRanges): Id {
    return this.#intern(`b${ranges.join(' ')}`, { kind: 'bytes', ranges }, false)
  }

  #either(given: readonly Id[]): Id {
    const flat = given.flatMap((id) => {
      const node = this.#node(id)
      return node.kind === 'either' ? node.options : id === nothing ? [] : [id]
    })
    const options = [...new Set(flat)].sort((a, b) => a - b)
    if (options.length <= 1) return options[0] ?? nothing
    const nullable = options.some((id) => this.#isNullable(id))
    return this.#intern(`e${options.join(' ')}`, { kind: 'either', options }, nullable)
  }

  #times(part: Id, least: number, most: number | null): Id {
    if (most === 0 || part === empty) return empty
    if (part === nothing) return least === 0 ? empty : nothing
    if (least === 1 && most === 1) return part
    const from = this.#isNullable(part) ? 0 : least
    const node = { kind: 'times', part, least: from, most } as const
    return this.#intern(`r${part} ${from} ${most ?? ''}`, node, from === 0)
  }

  #intern(key: string, node: Node, nullable: boolean): Id {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    if (this.#nodes.length >= expressionsMax)
      throw new Error(`a string of it needs more than ${expressionsMax} states; a simpler pattern helps`)
    this.#ids.set(key, this.#nodes.length)
    this.#nullable.push(nullable)
    return this.#nodes.push(node) - 1
  }

  #node(id: Id): Node {
    return this.#nodes[id] ?? { kind: 'nothing' }
  }

  #isNullable(id: Id): boolean {
    return this.#nullable[id] === true
  }
}
