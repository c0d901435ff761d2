import { turnEnds } from '../../tokenizer/control-names.ts'
import type { Metadata } from './metadata.ts'

/** `token_type` of a control token. */
const control = 3

/** Also an HTML tag of its own in some vocabularies: only a control token of this text ends a generation. */
const ambiguousEnd = '</s>'

/**
 * Ids of all tokens that end a generation: those that the file names, and those whose text is known for it, whatever type
 * the converter gave them.
 */
export function endTokens(metadata: Metadata): number[] {
  const named = ['eos', 'eot', 'eom'].flatMap(
    (name) => metadata.number(`tokenizer.ggml.${name}_token_id`) ?? [],
  )
  const tokens = metadata.texts('tokenizer.ggml.tokens') ?? []
  const types = metadata.numbers('tokenizer.ggml.token_type') ?? []
  const found = tokens.flatMap((token, id) =>
    turnEnds.has(token) || (token === ambiguousEnd && types[id] === control) ? [id] : [],
  )
  return [...new Set([...named, ...found])]
}
