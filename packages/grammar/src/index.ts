/**
 * The grammar of an answer: JSON Schemas become EBNF here. `@shoal/grammar/node` finds the tokens that
 * a grammar allows next.
 */
export { ebnf, grammarText } from './grammar-text.ts'
export type { GrammarText } from './print.ts'
export { grammarLimits } from './limits.ts'
