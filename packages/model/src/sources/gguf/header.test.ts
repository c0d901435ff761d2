import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelError } from '../../error.ts'
import { limits } from '../../limits.ts'
import { ggufFile, type GgufFileParts } from '../../testing/gguf-file.ts'
import { memoryReader } from '../range-reader.ts'
import { readGgufHeader } from './header.ts'

const floats = (count: number): Uint8Array => new Uint8Array(4 * count)
const read = (file: Uint8Array) => readGgufHeader(memoryReader(file), 'model.gguf')

test('a piece that is or begins with a byte order mark keeps it', async () => {
  const pieces = ['\uFEFF', '\uFEFF#', '#']
  const { metadata } = await read(ggufFile({ metadata: [['tokenizer.ggml.tokens', pieces]] }))
  expect(metadata.get('tokenizer.ggml.tokens')).toEqual(pieces)
})

test('the lists of a header have a bound together', async () => {
  const list = new Uint8Array(16 + limits.ggufListLengthMax)
  list.set(bare(9n, 0n, BigInt(limits.ggufListLengthMax)))
  const lists = Array.from({ length: 5 }, (_, index): [string, Uint8Array] => [`list.${index}`, list])
  await expect(read(ggufFile({ metadata: lists }))).rejects.toThrow(/elements together/)
})

test('metadata of every kind, and tensors with the slowest dimension first', async () => {
  const file = ggufFile({
    version: 2,
    metadata: [
      ['general.architecture', 'llama'],
      ['llama.block_count', 2],
      ['llama.rope.freq_base', 0.5],
      ['tokenizer.ggml.add_bos_token', true],
      ['tokenizer.ggml.tokens', ['a', 'ü', '']],
      ['tokenizer.ggml.scores', [0, -1.5]],
    ],
    tensors: [
      { name: 'a', shape: [3, 2], type: 0, bytes: floats(6) },
      { name: 'b', shape: [32, 4], type: 2, bytes: new Uint8Array(72) },
      { name: 'c', shape: [256], type: 16, bytes: new Uint8Array(66) },
    ],
  })
  const { metadata, tensors, skipped } = await read(file)
  expect(Object.fromEntries(metadata)).toEqual({
    'general.architecture': 'llama',
    'llama.block_count': 2,
    'llama.rope.freq_base': 0.5,
    'tokenizer.ggml.add_bos_token': true,
    'tokenizer.ggml.tokens': ['a', 'ü', ''],
    'tokenizer.ggml.scores': [0, -1.5],
  })
  const dataStart = file.byteLength - 32 - 96 - 96
  expect([...tensors.values()]).toEqual([
    { name: 'a', type: 'F32', shape: [2, 3], offset: dataStart, bytes: 24 },
    { name: 'b', type: 'Q4_0', shape: [4, 32], offset: dataStart + 32, bytes: 72 },
  ])
  expect([...skipped]).toEqual([['c', 'IQ2_XXS']])
})

/** A value's type and, for lists, the type and number of its elements, without anything behind. */
const bare = (...numbers: bigint[]): Uint8Array => {
  const [type = 0n, element, length] = numbers
  const words = new Uint8Array(element === undefined ? 4 : length === undefined ? 12 : 16)
  const view = new DataView(words.buffer)
  view.setUint32(0, Number(type), true)
  if (length !== undefined) {
    view.setUint32(4, Number(element), true)
    view.setBigUint64(8, length, true)
  } else if (element !== undefined) view.setBigUint64(4, element, true)
  return words
}
const tensor = { name: 'a', shape: [32, 2], type: 2, bytes: new Uint8Array(36) }

test.each<[string, GgufFileParts, RegExp]>([
  ['version 1', { version: 1 }, /GGUF version 1 cannot be read/],
  ['a file in big-endian order', { version: 0x03000000 }, /version 50331648/],
  [
    'more tensors than any model has',
    { tensorCount: 1n << 40n },
    /the number of tensors is 1099511627776, more/,
  ],
  [
    'more keys than any model has',
    { keyCount: 1n << 63n },
    /the number of keys is 9223372036854775808, more/,
  ],
  ['keys that are not there', { keyCount: 3n }, /the file ends after/],
  ['a text longer than the file', { metadata: [['k', bare(8n, 1n << 19n)]] }, /the file ends after/],
  [
    'a text without bounds',
    { metadata: [['k', bare(8n, 1n << 60n)]] },
    /the length of k is 1152921504606846976/,
  ],
  ['a list without bounds', { metadata: [['k', bare(9n, 6n, 1n << 32n)]] }, /the length of k is 4294967296/],
  ['a list of lists', { metadata: [['k', bare(9n, 9n, 1n)]] }, /k is a list of type 9/],
  ['a list longer than the file', { metadata: [['k', bare(9n, 10n, 1n << 21n)]] }, /the file ends after/],
  ['an unknown type', { metadata: [['k', bare(13n)]] }, /k has the unknown type 13/],
  [
    'a key twice',
    {
      metadata: [
        ['k', 1],
        ['k', 2],
      ],
    },
    /the key "k" is there twice/,
  ],
  ['an alignment of 0', { metadata: [['general.alignment', 0]] }, /general.alignment is 0/],
  ['an alignment of 48', { metadata: [['general.alignment', 48]] }, /general.alignment is 48/],
  ['an alignment that is a text', { metadata: [['general.alignment', '32']] }, /general.alignment is 32/],
  ['five dimensions', { tensors: [{ ...tensor, shape: [32, 1, 1, 1, 2] }] }, /has 5 dimensions, more than 4/],
  [
    'a product beyond exact integers',
    { tensors: [{ ...tensor, shape: [2 ** 31, 2 ** 31] }] },
    /is too large/,
  ],
  [
    'a dimension beyond exact integers',
    { tensors: [{ ...tensor, shape: [1n << 60n] }] },
    /a dimension of tensor/,
  ],
  [
    'rows of broken blocks',
    { tensors: [{ ...tensor, shape: [16, 4] }] },
    /rows of 16 values, which are no whole/,
  ],
  ['an offset outside the file', { tensors: [{ ...tensor, offset: 64 }] }, /leaves the file/],
  ['an offset that is not aligned', { tensors: [{ ...tensor, offset: 8 }] }, /not aligned/],
  ['a tensor twice', { tensors: [tensor, tensor] }, /tensor "a" is there twice/],
  ['tensors over each other', { tensors: [tensor, { ...tensor, name: 'b', offset: 32 }] }, /overlap/],
])('refused: %s', async (_, parts, message) => {
  await expect(read(ggufFile(parts))).rejects.toThrow(
    expect.objectContaining({ code: 'bad-model', message: expect.stringMatching(message) }),
  )
})

test('a file that is none, or is cut anywhere in its header, is refused', async () => {
  await expect(read(Uint8Array.of(1, 2, 3))).rejects.toThrow(/ends after 3 bytes/)
  await expect(read(new Uint8Array(64))).rejects.toThrow(/not a GGUF file/)
  const whole = ggufFile({
    metadata: [
      ['general.name', 'x'],
      ['n', 1],
    ],
    tensors: [tensor],
  })
  for (let length = 0; length < whole.byteLength - 64; length++)
    await expect(read(whole.subarray(0, length))).rejects.toThrow(ModelError)
})

test('a header with any bytes changed is read or refused, and nothing else happens', async () => {
  const whole = ggufFile({
    metadata: [
      ['general.alignment', 32],
      ['list', ['a', 'b']],
      ['numbers', [1, 2]],
    ],
    tensors: [tensor],
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.byteLength - 65), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (changes) => {
        const file = whole.slice()
        for (const [at, byte] of changes) file[at] = byte
        await read(file).catch((error: unknown) => expect(error).toBeInstanceOf(ModelError))
      },
    ),
    { numRuns: 400 },
  )
})
