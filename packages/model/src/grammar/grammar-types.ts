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

/**
 * Text with tagged pieces, for calls of tools: what stands between a tag's `begin` and `end` is JSON that its schema
 * accepts; text outside of tags is free.
 */
export interface TaggedText {
  readonly kind: 'tags'
  readonly tags: readonly GrammarTag[]
  /** Texts that never occur outside of tags: wherever one begins, a tag follows. Each tag's `begin` starts with one. */
  readonly triggers: readonly string[]
  /** The answer is made of tags alone and holds at least one. Default: free text with any number of tags. */
  readonly required?: boolean
  /** At most one tag, after which the answer ends. */
  readonly single?: boolean
}

export interface GrammarTag {
  readonly begin: string
  readonly schema: JsonObject | boolean
  readonly end: string
}
