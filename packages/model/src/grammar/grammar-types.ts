import type { JsonObject } from '../json-fields.ts'

/**
 * What an answer must look like. Only tokens that keep to it are drawn, and end tokens only where it is complete; an answer
 * that reaches its limit of tokens before may be incomplete, and then ends with `length`.
 */
export type Grammar =
  /** Any JSON value. */
  | { readonly kind: 'json' }
  /** JSON that a JSON Schema accepts. */
  | { readonly kind: 'json-schema'; readonly schema: JsonObject | boolean }
  /** A grammar in the EBNF of llama.cpp (GBNF), whose first rule is `root`. */
  | { readonly kind: 'ebnf'; readonly text: string }
  /** One of these texts. */
  | { readonly kind: 'choice'; readonly texts: readonly string[] }
  | TaggedText

/** Tagged pieces, for calls of tools: what stands between a tag's `begin` and `end` is JSON that its schema accepts. */
export interface TaggedText {
  readonly kind: 'tags'
  /** The answer holds at least one of them and nothing else. */
  readonly tags: readonly GrammarTag[]
  /** What stands between two tags; at most one tag when absent. */
  readonly separator?: string
}

export interface GrammarTag {
  /** What a refusal calls this tag, such as `the tool 'time'`. */
  readonly name?: string
  readonly begin: string
  readonly schema: JsonObject | boolean
  readonly end: string
}
