import { ModelError } from '../../error.ts'
import { asObject, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { limits } from '../../limits.ts'
import { fromBase64 } from './base64.ts'
import { createBertNormalizer } from './bert-normalizer.ts'
import { byteLevelText } from './byte-alphabet.ts'
import { patternOf } from './patterns.ts'
import { createPrecompiled, type CharsmapMatching } from './precompiled.ts'

export type Normalize = (text: string) => string

/**
 * The normalizer section of a tokenizer.json.
 * @throws {ModelError} `unsupported-model` for an unknown type, `bad-model`
 */
export function createNormalizer(section: unknown): Normalize {
  if (section === null || section === undefined) return (text) => text
  const object = asObject(section, 'a normalizer of tokenizer.json')
  const type = fieldOf(object, 'type')
  switch (type) {
    case 'Sequence':
      return sequence(listOf(object, 'normalizers').map(createNormalizer))
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(type)
    case 'Lowercase':
      return (text) => text.toLowerCase()
    case 'StripAccents':
      return (text) => text.replaceAll(/\p{M}/gu, '')
    case 'Strip':
      return strip(fieldOf(object, 'strip_left') !== false, fieldOf(object, 'strip_right') !== false)
    case 'Prepend':
      return prepend(textOf(object, 'prepend'))
    case 'Replace':
      return replace(object)
    case 'BertNormalizer':
      return createBertNormalizer(object)
    case 'Nmt':
      return nmt
    case 'ByteLevel':
      return byteLevelText
    case 'Precompiled':
      return precompiled(object)
    default:
      throw new ModelError('unsupported-model', `the tokenizer's normalizer ${show(type)} is not supported`)
  }
}

/** Each step may lengthen a text; a few of them would turn a prompt into gigabytes. */
function sequence(steps: readonly Normalize[]): Normalize {
  return (text) => steps.reduce((result, step) => bounded(step(result)), text)
}

function bounded(text: string): string {
  if (text.length <= limits.normalizedCharactersMax) return text
  throw new ModelError('limit-exceeded', `the tokenizer makes a text of ${text.length} characters`)
}

function strip(left: boolean, right: boolean): Normalize {
  return (text) => {
    const begun = left ? text.replace(/^\p{White_Space}+/u, '') : text
    return right ? begun.replace(/\p{White_Space}+$/u, '') : begun
  }
}

function prepend(beginning: string): Normalize {
  return (text) => (text === '' ? '' : bounded(beginning + text))
}

function replace(object: JsonObject): Normalize {
  const content = textOf(object, 'content')
  const pattern = patternOf(object)
  return (text) => {
    let length = text.length
    return text.replaceAll(pattern, (found: string) => {
      length += content.length - found.length
      if (length > limits.normalizedCharactersMax)
        throw new ModelError('limit-exceeded', `the tokenizer makes a text of ${length} characters`)
      return content
    })
  }
}

/** Control characters, by number: a linter reads them in a pattern as a mistake. */
const removed = /[^\P{Cc}\0\t\n\f\r\u0080-\u008E\u0090-\u009E]/gu

function nmt(text: string): string {
  return text
    .replaceAll(removed, '')
    .replaceAll(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g, ' ')
}

/** `matching` is a field of ours: tokenizers made from a `tokenizer.model` or a GGUF file match as SentencePiece does. */
function precompiled(object: JsonObject): Normalize {
  const blob = fieldOf(object, 'precompiled_charsmap')
  if (blob === null || blob === '' || blob === undefined) return (text) => text
  const matching: CharsmapMatching = fieldOf(object, 'matching') === 'longest' ? 'longest' : 'shortest'
  const normalize = createPrecompiled(fromBase64(textOf(object, 'precompiled_charsmap')), matching)
  return (text) => bounded(normalize(text))
}

export function textOf(object: JsonObject, key: string): string {
  const value = fieldOf(object, key)
  if (typeof value === 'string') return value
  throw new ModelError(
    'bad-model',
    `${key} of ${show(fieldOf(object, 'type'))} in tokenizer.json is ${show(value)}`,
  )
}

export function listOf(object: JsonObject, key: string): unknown[] {
  const value = fieldOf(object, key)
  if (Array.isArray(value)) return value
  throw new ModelError(
    'bad-model',
    `${key} of ${show(fieldOf(object, 'type'))} in tokenizer.json is not a list`,
  )
}
