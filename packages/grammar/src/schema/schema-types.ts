import type { Expression } from '../expression.ts'
import type { SchemaWork } from './schema-work.ts'

export type Schema = boolean | Fields
export type Fields = Readonly<Record<string, unknown>>

/** The expression made from a schema; null where no value is valid. */
export type Made = Expression | null

/** Makes expressions of the schemas inside of another one. */
export interface SchemaContext {
  make(schema: unknown, path: string): Made
  /** Names an expression that is used more than once. */
  share(expression: Expression): Expression
  /** What may still be done. */
  readonly work: SchemaWork
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const below = (path: string, key: string): string =>
  `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`

/** Equal as JSON, keys in any order. */
export function equalJson(some: unknown, other: unknown, work: SchemaWork): boolean {
  return canonical(some, work) === canonical(other, work)
}

/** One text for all values that are equal as JSON. */
export function canonical(value: unknown, work: SchemaWork): string {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    isFields(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
  // Of a part of the schema, so that this is bounded before it is counted.
  work.spend(1 + Math.ceil((text?.length ?? 0) / 32))
  return text
}
