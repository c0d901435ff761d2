import { expect, test } from 'vitest'
import { formatName, parseFormat } from './matrix-format.ts'
import {
  blockFormats,
  blockSizeOf,
  formatOf,
  formatProfile,
  formatWeights,
  matrixKinds,
  parseProfile,
  type NumericProfile,
} from './profile.ts'

const shown = (weights: string): string => {
  const { formats, rounding } = parseProfile(weights)
  return [...matrixKinds.map((kind) => formatName(formats[kind])), rounding].join(' ')
}

test.each([
  ['f32', 'f32 f32 f32 nearest', 'f32'],
  ['int8', 'int8:32 int8:32 int8:32 nearest', 'int8:32'],
  ['int4:32', 'int4:32 int4:32 int4:32 nearest', 'int4:32'],
  ['int4', 'int4:128 int4:128 int8:128 least-error', 'int4:128'],
  ['int4:128', 'int4:128 int4:128 int8:128 least-error', 'int4:128'],
  ['int4:128+head-int8:128', 'int4:128 int4:128 int8:128 least-error', 'int4:128'],
  ['int4:128+head-int4:128+nearest', 'int4:128 int4:128 int4:128 nearest', 'int4:128+head-int4:128+nearest'],
  ['int4:128+nearest', 'int4:128 int4:128 int8:128 nearest', 'int4:128+nearest'],
  ['int4:128+calibrated', 'int4:128 int4:128 int8:128 calibrated', 'int4:128+calibrated'],
  ['int4:32+least-error', 'int4:32 int4:32 int4:32 least-error', 'int4:32+least-error'],
  ['int4:32+head-int8', 'int4:32 int4:32 int8:32 nearest', 'int4:32+head-int8:32'],
  ['int4:32:offset', 'int4:32:offset int4:32:offset int4:32:offset nearest', 'int4:32:offset'],
  ['int8:128+feed-forward-int4:64', 'int8:128 int4:64 int8:128 nearest', 'int8:128+feed-forward-int4:64'],
])('--weights %s is attention, feed-forward, head and rounding %s, and is called %s', (text, parts, name) => {
  expect(shown(text)).toBe(parts)
  const profile = parseProfile(text)
  expect(formatWeights(profile)).toBe(name)
  expect(parseProfile(name)).toEqual(profile)
})

const ofFile: NumericProfile = {
  ...parseProfile('int8:128'),
  matrices: {
    embed: parseFormat('int8:32'),
    'block-0.qkv': parseFormat('int8:128'),
    'block-0-expert.down': parseFormat('int4:32:offset'),
    'block-11.qkv': parseFormat('int4:32:offset'),
  },
}

test('a matrix with a format of its own has it in place of that of its kind', () => {
  const names = [
    'embed.weight',
    'block-0.qkv.offset',
    'block-0-expert-7.down',
    'block-11.qkv',
    'block-0.output',
  ]
  expect(names.map((name) => formatName(formatOf(ofFile, name)))).toEqual([
    'int8:32',
    'int8:128',
    'int4:32:offset',
    'int4:32:offset',
    'int8:128',
  ])
})

test('formats of a file give the profile a name, and blocks with the same formats the same text', () => {
  expect(formatWeights(ofFile)).toMatch(/^gguf-[0-9a-f]{8}$/)
  const turned = Object.fromEntries(Object.entries(ofFile.matrices!).reverse())
  expect(formatWeights({ ...ofFile, matrices: turned })).toBe(formatWeights(ofFile))
  const other = { ...ofFile.matrices, embed: parseFormat('int8:128') }
  expect(formatWeights({ ...ofFile, matrices: other })).not.toBe(formatWeights(ofFile))
  expect(blockFormats(ofFile, 11)).toBe('.qkv int4:32:offset')
  expect(blockFormats(ofFile, 1)).toBe('')
})

test('a cut of the matrices of a kind keeps the longest of their blocks whole', () => {
  expect(blockSizeOf({ ...ofFile, formats: parseProfile('int4:32').formats }, 'attention')).toBe(128)
  expect(blockSizeOf(parseProfile('int4:32'), 'attention')).toBe(32)
})

test('the cache has a place of its own in the name', () => {
  expect(formatProfile(parseProfile('int8:32', 'int8'))).toBe('int8:32+kv-int8')
})

test('a matrix has the format of its kind, also as a part of a name', () => {
  const profile = parseProfile('int4:128+feed-forward-int8:64+head-f32')
  const formats = [
    'block-3.qkv.weight',
    'block-3.output',
    'block-0.gate-up.scale',
    'block-0.down',
    'embed',
    'head.weight',
  ]
  expect(formats.map((name) => formatName(formatOf(profile, name)))).toEqual([
    'int4:128',
    'int4:128',
    'int8:64',
    'int8:64',
    'f32',
    'f32',
  ])
})

test.each([
  ['int5', /int8\[:BLOCK\]/],
  ['gguf', /takes the format of each matrix from a GGUF file/],
  ['gguf-1a2b3c4d', /takes the format of each matrix from a GGUF file/],
  ['int4:31', /block size must be one of 16, 32, 64, 128/],
  ['f32:32', /no block size/],
  ['int4:128:2', /not 'int4:128:2'/],
  ['int4:32+tail-int8', /'tail-int8' is none of nearest, least-error, calibrated, attention-FORMAT/],
  ['int4:32+head-int8+head-f32', /names the head format twice/],
  ['int4:32+nearest+nearest', /names the rounding format twice/],
  ['int8:32+least-error', /no matrix in int4/],
  ['int4:32+calibrated', /use int4:128\+calibrated/],
  ['int4:128+head-int4:128+calibrated', /the head is not in int4/],
])('--weights %s is refused with what is possible', (text, message) => {
  expect(() => parseProfile(text)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  expect(() => parseProfile(text)).toThrow(message)
})

test('a cache of another kind is refused', () => {
  expect(() => parseProfile('f32', 'f16')).toThrow(/--kv must be f32 or int8/)
})
