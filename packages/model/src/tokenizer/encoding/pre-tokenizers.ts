import { ModelError } from '../../error.ts'
import { asObject, fieldOf, show, type JsonObject } from '../../json-fields.ts'
import { byteLevelText } from './byte-alphabet.ts'
import { listOf, textOf } from './normalizers.ts'
import { patternOf } from './patterns.ts'
import { behaviorNamed, splitBy, type SplitBehavior } from './split-behavior.ts'

/**
 * Cuts a text into what the model joins to tokens.
 * @param first the text begins where the whole text began
 */
export type PreTokenize = (text: string, first: boolean) => readonly string[]

const gpt2Pattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu
const wordCharacter = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200C\u200D`
const words = new RegExp(String.raw`[${wordCharacter}]+|[^${wordCharacter}\p{White_Space}]+`, 'gu')
const whiteSpace = /\p{White_Space}/gu
const punctuation = /[\p{P}!-/:-@[-`{-~]/gu
const numbers = /\p{N}/gu

/**
 * The pre_tokenizer section of a tokenizer.json.
 * @throws {ModelError} `unsupported-model` for an unknown type, `bad-model`
 */
export function createPreTokenizer(section: unknown): PreTokenize {
  if (section === null || section === undefined) return (text) => [text]
  const object = asObject(section, 'a pre-tokenizer of tokenizer.json')
  const type = fieldOf(object, 'type')
  const splitting =
    (pattern: RegExp, behavior: SplitBehavior, inverted = false): PreTokenize =>
    (text) =>
      splitBy(text, pattern, behavior, inverted)
  switch (type) {
    case 'Sequence':
      return inSequence(listOf(object, 'pretokenizers').map(createPreTokenizer))
    case 'ByteLevel':
      return byteLevel(object)
    case 'Metaspace':
      return metaspace(object)
    case 'Split':
      return splitting(
        patternOf(object),
        behaviorNamed(fieldOf(object, 'behavior')),
        fieldOf(object, 'invert') === true,
      )
    case 'Whitespace':
      return splitting(words, 'removed', true)
    case 'WhitespaceSplit':
      return splitting(whiteSpace, 'removed')
    case 'BertPreTokenizer':
      return inSequence([splitting(whiteSpace, 'removed'), splitting(punctuation, 'isolated')])
    case 'Punctuation':
      return splitting(punctuation, behaviorNamed(fieldOf(object, 'behavior') ?? 'isolated'))
    case 'Digits':
      return splitting(numbers, fieldOf(object, 'individual_digits') === true ? 'isolated' : 'contiguous')
    case 'CharDelimiterSplit':
      return splitting(patternOf({ pattern: { String: textOf(object, 'delimiter') } }), 'removed')
    case 'FixedLength':
      return fixedLength(fieldOf(object, 'length'))
    default:
      throw new ModelError('unsupported-model', `the pre-tokenizer ${show(type)} is not supported`)
  }
}

function inSequence(steps: readonly PreTokenize[]): PreTokenize {
  return (text, first) =>
    steps.reduce<readonly string[]>(
      (pieces, step) => pieces.flatMap((piece, index) => step(piece, first && index === 0)),
      [text],
    )
}

function byteLevel(section: JsonObject): PreTokenize {
  const prefixed = fieldOf(section, 'add_prefix_space') === true
  const splits = fieldOf(section, 'use_regex') !== false
  return (text) => {
    const whole = prefixed && !text.startsWith(' ') ? ` ${text}` : text
    return (splits ? splitBy(whole, gpt2Pattern, 'isolated') : [whole]).map(byteLevelText)
  }
}

function metaspace(section: JsonObject): PreTokenize {
  const mark = fieldOf(section, 'replacement') ?? '▁'
  const old = fieldOf(section, 'add_prefix_space') === false ? 'never' : 'always'
  const scheme = fieldOf(section, 'prepend_scheme') ?? old
  const known = scheme === 'always' || scheme === 'first' || scheme === 'never'
  if (typeof mark !== 'string' || Array.from(mark).length !== 1 || !known)
    throw new ModelError('unsupported-model', `the pre-tokenizer ${show(section)} is not supported`)
  const pattern = patternOf({ pattern: { String: mark } })
  const splits = fieldOf(section, 'split') !== false
  // A field of ours: SentencePiece puts a mark before a text that begins with one too.
  const forced = fieldOf(section, 'forced') === true
  return (text, first) => {
    const marked = text.replaceAll(' ', mark)
    const begins = scheme === 'always' || (scheme === 'first' && first)
    const whole = begins && (forced || !marked.startsWith(mark)) ? mark + marked : marked
    return splits ? splitBy(whole, pattern, 'mergedwithnext') : [whole]
  }
}

function fixedLength(length: unknown): PreTokenize {
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 1)
    throw new ModelError('bad-model', `the pre-tokenizer FixedLength has the length ${show(length)}`)
  return (text) => {
    const characters = Array.from(text)
    return Array.from({ length: Math.ceil(characters.length / length) }, (_, index) =>
      characters.slice(index * length, (index + 1) * length).join(''),
    )
  }
}
