/**
 * A grammar as data: schemas become expressions, and expressions are printed as EBNF. A text is the literal text of the
 * answer: a quote inside a JSON string has its backslash here.
 */
export type Expression =
  | { readonly type: 'text'; readonly text: string }
  /** One character of these ranges of code points, both ends included, in ascending order. */
  | { readonly type: 'characters'; readonly ranges: readonly CodeRange[] }
  | { readonly type: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly type: 'choice'; readonly options: readonly Expression[] }
  /** `most` null: without a bound. */
  | {
      readonly type: 'repeat'
      readonly part: Expression
      readonly least: number
      readonly most: number | null
    }
  | { readonly type: 'rule'; readonly name: string }
  /** A JSON string with its quotes, whose content is matched apart: bounds and patterns are slow in the library. */
  | { readonly type: 'string'; readonly content: Expression }

export type CodeRange = readonly [first: number, last: number]

export interface Rules {
  readonly root: Expression
  /** Rules that expressions name. */
  readonly rules: ReadonlyMap<string, Expression>
}

export const text = (value: string): Expression => ({ type: 'text', text: value })
export const characters = (...ranges: readonly CodeRange[]): Expression => ({ type: 'characters', ranges })
export const rule = (name: string): Expression => ({ type: 'rule', name })
export const empty: Expression = text('')
export const stringOf = (content: Expression): Expression => ({ type: 'string', content })

export function sequence(...parts: readonly Expression[]): Expression {
  const flat = parts.flatMap((part) => (part.type === 'sequence' ? part.parts : [part]))
  const merged: Expression[] = []
  for (const part of flat) {
    const last = merged.at(-1)
    if (part.type === 'text' && part.text === '') continue
    if (part.type === 'text' && last?.type === 'text') merged[merged.length - 1] = text(last.text + part.text)
    else merged.push(part)
  }
  return merged.length === 1 ? (merged[0] as Expression) : { type: 'sequence', parts: merged }
}

export function choice(...options: readonly Expression[]): Expression {
  const flat = options.flatMap((option) => (option.type === 'choice' ? option.options : [option]))
  return flat.length === 1 ? (flat[0] as Expression) : { type: 'choice', options: flat }
}

export function repeat(part: Expression, least: number, most: number | null): Expression {
  if (most === 0) return empty
  return least === 1 && most === 1 ? part : { type: 'repeat', part, least, most }
}

export const optional = (part: Expression): Expression => repeat(part, 0, 1)
