import { asObject, fieldOf, type JsonObject } from '../json-fields.ts'

/**
 * Multimodal models whose language model is one of the families, by `model_type`. They are read as language models: inputs
 * other than text are refused where they would be used.
 */
const multimodal: readonly unknown[] = ['gemma3', 'mistral3']

/** Keys that a multimodal config may have beside `text_config` and that hold for the language model. */
const inherited = [
  'bos_token_id',
  'eos_token_id',
  'tie_word_embeddings',
  'quantization_config',
  'quantization',
]

/** The config of the language model within a multimodal one; any other config as it is. */
export function languageModelOf(json: JsonObject): JsonObject {
  if (!isMultimodal(json)) return json
  const text = asObject(fieldOf(json, 'text_config'), 'text_config')
  const outer = inherited.flatMap((key) => {
    const value = fieldOf(json, key) ?? null
    return value === null ? [] : [[key, value] as const]
  })
  return { ...text, ...Object.fromEntries(outer) }
}

export function isMultimodal(json: JsonObject): boolean {
  return multimodal.includes(fieldOf(json, 'model_type'))
}
