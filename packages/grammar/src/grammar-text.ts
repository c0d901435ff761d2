import type { Grammar } from '@shoal/model'
import { printRules } from './print.ts'
import { anyValue, jsonRules } from './schema/json-text.ts'
import { schemaGrammar } from './schema/schema-grammar.ts'
import { taggedRules } from './tagged-text.ts'

/**
 * The EBNF of what an answer must look like.
 * @throws {ModelError} `bad-request` for what cannot be kept, by its name
 */
export function grammarText(grammar: Exclude<Grammar, { kind: 'choice' }>): string {
  switch (grammar.kind) {
    case 'ebnf':
      return grammar.text
    case 'json':
      return printRules({ root: anyValue, rules: jsonRules })
    case 'json-schema':
      return printRules(schemaGrammar(grammar.schema))
    case 'tags':
      return printRules(taggedRules(grammar))
  }
}
