import { ModelError, type TaggedText } from '@shoal/model'
import { choice, repeat, sequence, text, type Expression, type Rules } from './expression.ts'
import { grammarLimits } from './limits.ts'
import { checkRules } from './schema/check-rules.ts'
import { jsonRules } from './schema/json-text.ts'
import { schemaRules } from './schema/schema-grammar.ts'
import { SchemaWork } from './schema/schema-work.ts'

/** @throws {ModelError} `bad-request` for a schema that no grammar can express, or for too many tags */
export function taggedRules({ tags, separator }: TaggedText): Rules {
  if (tags.length === 0 || tags.length > grammarLimits.tagsMax)
    throw new ModelError('bad-request', `a grammar has from 1 to ${grammarLimits.tagsMax} tags`)
  const all = new Map<string, Expression>(jsonRules)
  const work = new SchemaWork()
  const options = tags.map(({ name, begin, schema, end }, index) => {
    const { root, rules } = named(name, () => schemaRules(schema, `t${index}r`, work))
    for (const [name, expression] of rules) all.set(name, expression)
    return sequence(text(begin), root, text(end))
  })
  const tag = choice(...options)
  all.set('tag', tag)
  const one: Expression = { type: 'rule', name: 'tag' }
  const root = separator === undefined ? one : sequence(one, repeat(sequence(text(separator), one), 0, null))
  const rules = { root, rules: all }
  checkRules(rules)
  return rules
}

/** Refusals of one tag's schema say whose it is. */
function named<T>(name: string | undefined, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (name === undefined || !(error instanceof ModelError)) throw error
    throw new ModelError(error.code, `${name}: ${error.message}`, { cause: error })
  }
}
