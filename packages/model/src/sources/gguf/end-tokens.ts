import type { Metadata } from './metadata.ts'

/** `token_type` of a control token. */
const control = 3

/**
 * Texts of control tokens that end a turn in published models. Converters name one end token only, which is often that of
 * a text and not that of a turn; llama.cpp adds tokens of these texts for the same reason.
 */
const turnEnds = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<end_of_turn>',
  '<|END_OF_TURN_TOKEN|>',
  '<|return|>',
  '<|call|>',
  '<|eot|>',
  '</s>',
  '<|end▁of▁sentence|>',
  '<｜end▁of▁sentence｜>',
  '<|endofturn|>',
  '[|endofturn|]',
])

/** Ids of all tokens that end a generation. */
export function endTokens(metadata: Metadata): number[] {
  const named = ['eos', 'eot', 'eom'].flatMap(
    (name) => metadata.number(`tokenizer.ggml.${name}_token_id`) ?? [],
  )
  const tokens = metadata.texts('tokenizer.ggml.tokens') ?? []
  const types = metadata.numbers('tokenizer.ggml.token_type') ?? []
  const found = tokens.flatMap((token, id) => (types[id] === control && turnEnds.has(token) ? [id] : []))
  return [...new Set([...named, ...found])]
}
