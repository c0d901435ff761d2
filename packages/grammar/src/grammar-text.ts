import type { Grammar } from '@shoal/model'
import { checkClasses } from './check-classes.ts'
import { printRules, type GrammarText } from './print.ts'
import { anyValue, jsonRules } from './schema/json-text.ts'
import { schemaGrammar } from './schema/schema-grammar.ts'
import { taggedRules } from './tagged-text.ts'

/** A grammar that is given in EBNF. */
export const ebnf = (text: string): GrammarText => ({ ebnf: text, strings: [] })

/**
 * The grammar of the answers that a grammar allows.
 * @throws {ModelError} `bad-request` for a grammar of another kind, or a schema that no grammar can express
 */
export function grammarText(grammar: Exclude<Grammar, { kind: 'choice' }>): GrammarText {
  switch (grammar.kind) {
    case 'ebnf':
      checkClasses(grammar.text)
      return ebnf(grammar.text)
    case 'json':
      return printRules({ root: anyValue, rules: jsonRules })
    case 'json-schema':
      return printRules(schemaGrammar(grammar.schema))
    case 'tags':
      return printRules(taggedRules(grammar))
  }
}
