import { expect, test } from 'vitest'
import { parseConfig } from '../families/parse-config.ts'
import { smallConfigJson, utf8 } from '../testing/small-model.ts'
import { withEndToken } from './end-token.ts'

const assets = (files: Readonly<Record<string, unknown>>): Map<string, Uint8Array> =>
  new Map(Object.entries(files).map(([name, value]) => [name, utf8(JSON.stringify(value))]))
const end = { content: '<end>', special: true }
const tokenizer = { added_tokens: [{ id: 4, content: '<end>' }], model: { vocab: { '<stop>': 1 } } }

test.each<[string, number | null, Readonly<Record<string, unknown>>, number[]]>([
  ['no tokenizer files', 2, {}, [2]],
  ['no end token', 2, { 'tokenizer_config.json': { eos_token: null } }, [2]],
  [
    'B40: another end token than config.json: both end a generation',
    2,
    { 'tokenizer_config.json': { eos_token: '<end>', added_tokens_decoder: { 4: end } } },
    [2, 4],
  ],
  [
    'an end token as an object',
    2,
    { 'tokenizer_config.json': { eos_token: end, added_tokens_decoder: { 4: end } } },
    [2, 4],
  ],
  [
    'the same end token',
    2,
    { 'tokenizer_config.json': { eos_token: '<end>', added_tokens_decoder: { 2: end } } },
    [2],
  ],
  [
    'an end token beyond the vocabulary',
    2,
    { 'tokenizer_config.json': { eos_token: '<end>', added_tokens_decoder: { 9: end } } },
    [2],
  ],
  [
    'none in config.json: an added token of tokenizer.json',
    null,
    { 'tokenizer_config.json': { eos_token: '<end>' }, 'tokenizer.json': tokenizer },
    [4],
  ],
  [
    'none in config.json: a token of the vocabulary',
    null,
    { 'tokenizer_config.json': { eos_token: '<stop>' }, 'tokenizer.json': tokenizer },
    [1],
  ],
  [
    'a text that is no token',
    null,
    { 'tokenizer_config.json': { eos_token: '<none>' }, 'tokenizer.json': tokenizer },
    [],
  ],
])('%s', (_, named, files, expected) => {
  const config = parseConfig({ ...smallConfigJson, eos_token_id: named })
  expect(withEndToken(config, assets(files)).eosTokenIds).toEqual(expected)
})
