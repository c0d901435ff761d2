import type { ForwardOptions, ForwardResult } from '../options.ts'

/** The answer of `POST /v1/forward`: float32 numbers, least byte first, in base64. */
export interface ForwardBody {
  readonly hidden_states: string
  readonly logits: string | null
  readonly hidden_size: number
  readonly vocabulary_size: number
}

export const forwardFields = (tokenIds: readonly number[], { layers }: ForwardOptions): object => ({
  token_ids: tokenIds,
  ...(layers !== undefined && { layers }),
})

export const forwardResultOf = (body: ForwardBody): ForwardResult => ({
  hiddenStates: floatsOf(body.hidden_states),
  logits: body.logits === null ? null : floatsOf(body.logits),
  hiddenSize: body.hidden_size,
  vocabularySize: body.vocabulary_size,
})

function floatsOf(base64: string): Float32Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const view = new DataView(bytes.buffer)
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true))
}
