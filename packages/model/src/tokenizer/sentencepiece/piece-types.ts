/** Types of pieces, as a `tokenizer.model` and the `token_type` of GGUF files number them. */
export const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** The pieces of a SentencePiece model by id. */
export interface Pieces {
  readonly tokens: readonly string[]
  readonly types: readonly number[]
  readonly scores: readonly number[]
}
