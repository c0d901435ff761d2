import { expect, test } from 'vitest'
import { formatName } from './matrix-format.ts'
import { formatOf, formatProfile, formatWeights, matrixKinds, parseProfile } from './profile.ts'

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
  ['int8:128+feed-forward-int4:64', 'int8:128 int4:64 int8:128 nearest', 'int8:128+feed-forward-int4:64'],
])('--weights %s is attention, feed-forward, head and rounding %s, and is called %s', (text, parts, name) => {
  expect(shown(text)).toBe(parts)
  const profile = parseProfile(text)
  expect(formatWeights(profile)).toBe(name)
  expect(parseProfile(name)).toEqual(profile)
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
