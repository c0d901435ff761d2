import { ModelError } from '../../error.ts'
import type { JsonObject } from '../../json-fields.ts'
import type { Metadata } from '../../sources/gguf/metadata.ts'
import { controlNames } from '../control-names.ts'
import { pieceTypes } from '../sentencepiece/piece-types.ts'

export interface Vocabulary {
  readonly tokens: readonly string[]
  /** Types of the tokens, in the same order. */
  readonly types: readonly number[]
}

/** The parts of a tokenizer.json that every kind of tokenizer needs. */
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

/**
 * Tokens that stand for themselves in a text. Only control tokens are left out of answers, those included whose text is
 * known for one: files mark the ends of turns as normal or user-defined tokens too.
 */
export function addedTokens({ tokens, types }: Vocabulary): JsonObject[] {
  const { normal, unknown, control, userDefined } = pieceTypes
  return tokens.flatMap((content, id) => {
    const type = types[id] ?? normal
    const isControl = type === unknown || type === control || controlNames.has(content)
    if (content === '' || (!isControl && type !== userDefined)) return []
    return [{ id, content, special: isControl, normalized: false }]
  })
}

/** Token to id, as the model section has it; the first of equal tokens. */
export function idsByToken({ tokens }: Vocabulary): Readonly<Record<string, number>> {
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id)
  return Object.fromEntries(ids)
}

/** What a tokenizer puts around a text where the file does not say. */
export interface SurroundingDefaults {
  readonly beginning: boolean
  readonly end: boolean
  /** The separator stands where the end token would. */
  readonly separator: boolean
}

/** The post-processor: beginning, end and separator of a text, where the file or the kind of tokenizer says so. */
export function surroundings(
  metadata: Metadata,
  { tokens }: Vocabulary,
  defaults: SurroundingDefaults,
): JsonObject | null {
  const part = (flag: string, byDefault: boolean, keys: readonly string[]): number[] => {
    if (!(metadata.flag(`tokenizer.ggml.${flag}`) ?? byDefault)) return []
    const ids = keys.map((key) => metadata.number(`tokenizer.ggml.${key}_token_id`))
    const id = ids.find((one) => one !== null && tokens[one] !== undefined) ?? null
    return id === null ? [] : [id]
  }
  const before = part('add_bos_token', defaults.beginning, ['bos', 'cls'])
  const behind = [
    ...part('add_eos_token', defaults.end, ['eos']),
    ...part('add_sep_token', defaults.separator, ['seperator', 'sep']),
  ]
  if (before.length + behind.length === 0) return null
  const named = (id: number): string => `${id}`
  const special = (id: number): JsonObject => ({ SpecialToken: { id: named(id), type_id: 0 } })
  return {
    type: 'TemplateProcessing',
    single: [...before.map(special), { Sequence: { id: 'A', type_id: 0 } }, ...behind.map(special)],
    pair: [],
    special_tokens: Object.fromEntries(
      [...before, ...behind].map((id) => [named(id), { id: named(id), ids: [id], tokens: [tokens[id]] }]),
    ),
  }
}
