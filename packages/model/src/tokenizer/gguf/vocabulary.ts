import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'

/** `token_type` of a token: normal (1) and unused ones (5) have no part in anything here. */
export const tokenTypes = { unknown: 2, control: 3, userDefined: 4, byte: 6 } as const

export interface Vocabulary {
  readonly tokens: readonly string[]
  /** As `tokens`. */
  readonly types: readonly number[]
}

/** What both kinds of tokenizer.json need. */
export interface TokenizerParts {
  readonly vocabulary: Vocabulary
  readonly added: readonly JsonObject[]
}

/** @throws {ModelError} `bad-model` */
export function vocabularyOf(metadata: Metadata): Vocabulary {
  const tokens = metadata.texts('tokenizer.ggml.tokens')
  if (tokens === null) throw new ModelError('bad-model', 'the GGUF file names a tokenizer, but has no tokens')
  const types = metadata.numbers('tokenizer.ggml.token_type') ?? tokens.map(() => 1)
  if (types.length !== tokens.length)
    throw new ModelError('bad-model', `${tokens.length} tokens, but ${types.length} token types`)
  return { tokens, types }
}

/** Tokens that stand for themselves in a text. Only control tokens are left out of answers. */
export function addedTokens({ tokens, types }: Vocabulary): JsonObject[] {
  const { unknown, control, userDefined } = tokenTypes
  return tokens.flatMap((content, id) => {
    const type = types[id] ?? 1
    if (content === '' || (type !== unknown && type !== control && type !== userDefined)) return []
    return [
      {
        id,
        content,
        special: type !== userDefined,
        normalized: false,
        single_word: false,
        lstrip: false,
        rstrip: false,
      },
    ]
  })
}

/** Token to id, as the model section has it; the first of equal tokens. */
export function idsByToken({ tokens }: Vocabulary): Readonly<Record<string, number>> {
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id)
  return Object.fromEntries(ids)
}

/** Puts the beginning of a text before it, where the file says so or `byDefault` does. */
export function postProcessor(
  metadata: Metadata,
  { tokens }: Vocabulary,
  byDefault: boolean,
): JsonObject | null {
  const wanted = metadata.flag('tokenizer.ggml.add_bos_token') ?? byDefault
  const id = metadata.number('tokenizer.ggml.bos_token_id')
  const token = id === null ? undefined : tokens[id]
  if (!wanted || token === undefined) return null
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}
