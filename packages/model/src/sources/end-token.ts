import type { ModelConfig } from '../config/model-config.ts'
import { asObject, fieldOf, parseJson } from '../json-fields.ts'

/**
 * Adds the end token of tokenizer_config.json, which fine-tuned models often change without changing config.json: without it
 * a chat would never stop. tokenizer.json is read, which takes a while, only where no other file names an end token.
 */
export function withEndToken(config: ModelConfig, assets: ReadonlyMap<string, Uint8Array>): ModelConfig {
  const tokenizerConfig = jsonOf(assets, 'tokenizer_config.json')
  const named = fieldOf(tokenizerConfig, 'eos_token')
  const text =
    typeof named === 'object' && named !== null ? fieldOf(asObject(named, 'eos_token'), 'content') : named
  if (typeof text !== 'string') return config
  const added = Object.entries(objectOf(fieldOf(tokenizerConfig, 'added_tokens_decoder')))
  let id: unknown = added.find(([, token]) => fieldOf(objectOf(token), 'content') === text)?.[0]
  if (id === undefined && config.eosTokenIds.length === 0)
    id = idInTokenizer(jsonOf(assets, 'tokenizer.json'), text)
  const tokenId = Number(id)
  if (!Number.isInteger(tokenId) || tokenId < 0 || tokenId >= config.vocabularySize) return config
  return { ...config, eosTokenIds: [...new Set([...config.eosTokenIds, tokenId])] }
}

function idInTokenizer(tokenizer: object, text: string): unknown {
  const added = fieldOf(objectOf(tokenizer), 'added_tokens')
  const list: unknown[] = Array.isArray(added) ? added : []
  const token = list.map(objectOf).find((one) => fieldOf(one, 'content') === text)
  return token === undefined
    ? fieldOf(objectOf(fieldOf(objectOf(fieldOf(objectOf(tokenizer), 'model')), 'vocab')), text)
    : fieldOf(token, 'id')
}

function jsonOf(assets: ReadonlyMap<string, Uint8Array>, name: string): Readonly<Record<string, unknown>> {
  const bytes = assets.get(name)
  return bytes === undefined ? {} : asObject(parseJson(bytes, name), name)
}

/** An object, or an empty one in the place of anything else. */
function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
