import { ModelError } from '@shoal/model'
import { grammarLimits } from '../limits.ts'
import {
  choice,
  repeat,
  rule,
  stringOf as stringWith,
  text,
  type Expression,
  type Rules,
} from '../expression.ts'
import { arrayOf } from './arrays.ts'
import { areDisjoint, typeOf } from './disjoint.ts'
import { anyBoolean, anyString, anyValue, jsonRules, nothing, stringCharacter } from './json-text.ts'
import { assertions, checkKeywords } from './keywords.ts'
import { merge } from './merge.ts'
import { numbersOf } from './numbers.ts'
import { objectOf } from './objects.ts'
import { checkRules } from './check-rules.ts'
import { refused } from './schema-error.ts'
import { SchemaWork } from './schema-work.ts'
import {
  below,
  equalJson,
  isFields,
  type Fields,
  type Made,
  type Schema,
  type SchemaContext,
} from './schema-types.ts'
import { stringOf } from './strings.ts'

/**
 * The grammar of JSON texts whose values the schema accepts. Not every such text is in it: members have the order of the
 * schema, the number of blanks is limited, and what the schema leaves open is written in one form.
 * @throws {ModelError} `bad-request` for a keyword that no grammar can express, with its name and place
 */
export function schemaGrammar(schema: unknown): Rules {
  const { root, rules: own } = schemaRules(schema, 'r')
  const rules = { root, rules: new Map([...jsonRules, ...own]) }
  checkRules(rules)
  return rules
}

/**
 * The rules of one schema among several, without those of JSON.
 * @param prefix of the rules' names
 * @param work what is left for it, where several schemas become one grammar
 */
export function schemaRules(schema: unknown, prefix: string, work = new SchemaWork()): Rules {
  work.measure(schema)
  const length = JSON.stringify(schema)?.length ?? 0
  if (length > grammarLimits.schemaLengthMax)
    throw new ModelError(
      'bad-request',
      `the JSON schema has ${length} characters, and at most ${grammarLimits.schemaLengthMax} are allowed`,
    )
  const reader = new SchemaReader(schema, prefix, work)
  const root = reader.make(schema, '')
  if (root === null) throw new ModelError('bad-request', 'the JSON schema accepts no value')
  return { root, rules: reader.rules }
}

class SchemaReader implements SchemaContext {
  readonly rules = new Map<string, Expression>()
  readonly #document: unknown
  readonly #prefix: string
  /** Names of the rules that references have become, by pointer. */
  readonly #references = new Map<string, string>()
  #depth = 0

  readonly work: SchemaWork

  constructor(document: unknown, prefix: string, work: SchemaWork) {
    this.work = work
    this.#document = document
    this.#prefix = prefix
  }

  share(expression: Expression): Expression {
    if (expression.type === 'rule' || (expression.type === 'text' && expression.text === ''))
      return expression
    return rule(this.#define(expression))
  }

  make(schema: unknown, path: string): Made {
    this.work.spend(1)
    this.#depth += 1
    if (this.#depth > grammarLimits.schemaDepthMax)
      throw refused(path, 'allOf', `or other keywords go deeper than ${grammarLimits.schemaDepthMax} levels`)
    try {
      if (isFields(schema) && typeof schema['$ref'] === 'string' && assertions(schema).length === 1)
        return this.#reference(schema, schema['$ref'], path)
      const plain = this.#plain(schema, path, 0)
      return typeof plain === 'boolean' ? (plain ? anyValue : null) : this.#fields(plain, path)
    } finally {
      this.#depth -= 1
    }
  }

  #define(expression: Expression | null): string {
    const name = `${this.#prefix}${this.rules.size}`
    this.rules.set(name, expression ?? text(''))
    return name
  }

  #reference(schema: Fields, pointer: string, path: string): Made {
    checkKeywords(schema, path)
    const known = this.#references.get(pointer)
    if (known !== undefined) return rule(known)
    const target = this.#resolve(pointer, path)
    // The name is known before its expression is made, so that a schema may refer to itself.
    const name = this.#define(null)
    this.#references.set(pointer, name)
    const made = this.make(target, pointer.slice(1))
    if (made === null) throw refused(path, '$ref', 'points to a schema that accepts no value')
    this.rules.set(name, made)
    return rule(name)
  }

  #resolve(pointer: string, path: string): unknown {
    if (!/^#(\/|$)/.test(pointer)) throw refused(path, '$ref', 'points outside of this schema')
    this.work.spend(1 + Math.ceil(pointer.length / 16))
    let target: unknown = this.#document
    for (const step of pointer.split('/').slice(1)) {
      const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      target = Array.isArray(target)
        ? target[Number(key)]
        : isFields(target) && Object.hasOwn(target, key)
          ? target[key]
          : undefined
    }
    if (target === undefined) throw refused(path, '$ref', 'points to nothing')
    return target
  }

  /** The schema with the targets of `$ref` and `allOf` merged into it. */
  #plain(schema: unknown, path: string, depth: number): Schema {
    if (typeof schema === 'boolean') return schema
    if (!isFields(schema)) throw refused(path, 'schema', 'must be an object or a boolean')
    this.work.spend(1 + Object.keys(schema).length)
    checkKeywords(schema, path)
    if (depth > grammarLimits.schemaDepthMax) throw refused(path, '$ref', 'refers to itself without an end')
    const { $ref, allOf = [], ...own } = schema
    if (!Array.isArray(allOf)) throw refused(path, 'allOf', 'must be a list')
    const others = [
      ...($ref === undefined ? [] : [this.#resolve(typeof $ref === 'string' ? $ref : '', path)]),
      ...(allOf as unknown[]),
    ].map((other) => this.#plain(other, path, depth + 1))
    return others.reduce<Schema>((merged, other) => this.#both(merged, other, path, depth), own)
  }

  #both(some: Schema, other: Schema, path: string, depth: number): Schema {
    if (typeof some === 'boolean') return some ? other : false
    if (typeof other === 'boolean') return other ? some : false
    const inner = (one: unknown, two: unknown): Schema => {
      if (one === true) return two as Schema
      if (two === true || equalJson(one, two, this.work)) return one as Schema
      return this.#both(this.#plain(one, path, depth + 1), this.#plain(two, path, depth + 1), path, depth + 1)
    }
    return merge(some, other, path, inner, this.work)
  }

  #fields(schema: Fields, path: string): Made {
    for (const keyword of ['anyOf', 'oneOf'] as const)
      if (schema[keyword] !== undefined) return this.#branches(schema, keyword, path)
    if (schema['enum'] !== undefined || schema['const'] !== undefined)
      return valuesOf(schema, path, this.work)
    const made = typesOf(schema, path).map((type) => this.#ofType(type, schema, path))
    return oneOf(made)
  }

  #branches(schema: Fields, keyword: 'anyOf' | 'oneOf', path: string): Made {
    const { [keyword]: branches, ...own } = schema
    if (!Array.isArray(branches)) throw refused(path, keyword, 'must be a list')
    const place = (index: number): string => below(path, `${keyword}/${index}`)
    if (keyword === 'oneOf') {
      const plain = (branches as unknown[]).map((branch, index) => this.#plain(branch, place(index), 0))
      const reader = { work: this.work, plain: (inner: unknown) => this.#plain(inner, path, 0) }
      plain.forEach((some, index) => {
        for (const other of plain.slice(index + 1))
          if (!areDisjoint(some, other, reader))
            throw refused(
              path,
              keyword,
              'has branches of which two may accept the same value; use anyOf instead',
            )
      })
    }
    const alone = assertions(own).length === 0
    return oneOf(
      (branches as unknown[]).map((branch, index) =>
        this.make(
          alone ? branch : this.#both(own, this.#plain(branch, place(index), 0), path, 0),
          place(index),
        ),
      ),
    )
  }

  #ofType(type: string, schema: Fields, path: string): Made {
    switch (type) {
      case 'object':
        return objectOf(schema, path, this)
      case 'array':
        return arrayOf(schema, path, this)
      case 'string':
        return stringOf(schema, path, this.work)
      case 'number':
      case 'integer':
        return numbersOf(schema, path, type === 'integer')
      case 'boolean':
        return anyBoolean
      case 'null':
        return nothing
      default:
        throw refused(path, 'type', `is unknown: ${JSON.stringify(type)}`)
    }
  }
}

function oneOf(made: readonly Made[]): Made {
  const possible = made.filter((each) => each !== null)
  return possible.length === 0 ? null : withOneString(choice(...possible))
}

/**
 * Of the strings among the options, one is made whose content is a choice: behind the opening quote it must be clear
 * which string has begun.
 */
function withOneString(made: Expression): Expression {
  if (made.type !== 'choice' || !made.options.some(({ type }) => type === 'string')) return made
  const contents = made.options.map(contentOf)
  const others = made.options.filter((_, index) => contents[index] === null)
  const content = choice(...contents.filter((each) => each !== null))
  return choice(stringWith(content), ...others)
}

/** What may stand between the quotes of an option that is a string; null for another one. */
function contentOf(option: Expression): Expression | null {
  if (option.type === 'string') return option.content
  if (option.type === 'rule' && option.name === anyString.name) return repeat(stringCharacter, 0, null)
  return option.type === 'text' && option.text.startsWith('"') ? text(option.text.slice(1, -1)) : null
}

/** The values of `enum` and `const`, each written in one form. */
function valuesOf(schema: Fields, path: string, work: SchemaWork): Made {
  const { enum: list, const: only, type, nullable: _, ...others } = schema
  const [other] = assertions(others)
  if (other !== undefined) throw refused(path, other, "cannot stand beside 'enum' or 'const'")
  if (list !== undefined && !Array.isArray(list)) throw refused(path, 'enum', 'must be a list')
  const values = (list as unknown[] | undefined) ?? [only]
  work.spend(values.length)
  const types = type === undefined ? null : typesOf(schema, path)
  const fits = (value: unknown): boolean =>
    types === null || types.includes(typeOf(value)) || (types.includes('integer') && Number.isInteger(value))
  const valid = values.filter(
    (value) => fits(value) && (only === undefined || list === undefined || equalJson(value, only, work)),
  )
  return oneOf(valid.map((value) => text(JSON.stringify(value))))
}

const typeOfKeyword: Readonly<Record<string, string>> = {
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  maxItems: 'array',
  minLength: 'string',
  maxLength: 'string',
  pattern: 'string',
  format: 'string',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
}
const everyType = ['object', 'array', 'string', 'number', 'boolean', 'null']

/** The types that a schema allows: those of `type`; without it, those that its keywords restrict; without any, all. */
function typesOf(schema: Fields, path: string): string[] {
  const { type } = schema
  if (type !== undefined) {
    const types: unknown[] = Array.isArray(type) ? (type as unknown[]) : [type]
    if (!types.every((each) => typeof each === 'string'))
      throw refused(path, 'type', 'must be a text or a list')
    return [...new Set([...types, ...(schema['nullable'] === true ? ['null'] : [])])] as string[]
  }
  const meant = assertions(schema).flatMap((keyword) => typeOfKeyword[keyword] ?? [])
  return meant.length === 0 ? everyType : [...new Set(meant)]
}
