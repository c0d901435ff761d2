import { encode, rfc8949EncodeOptions } from 'cborg'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeManifest } from './decode-manifest.ts'
import { ModelError } from '../error.ts'
import { buildManifest, identifyManifest } from './identify-manifest.ts'
import type { Manifest } from './manifest.ts'
import { openModel } from '../sources/model-source.ts'
import { packTensors } from '../packing/pack-tensors.ts'
import { parseFormat } from '../packing/matrix-format.ts'
import { packedTensors, unitNames } from '../packing/packed-layout.ts'
import { limits } from '../limits.ts'
import { parseProfile } from '../packing/profile.ts'
import { smallModelFiles, utf8 } from '../testing/small-model.ts'

async function smallManifest(weights = 'int4:32', name = 'small'): Promise<Manifest> {
  const source = await openModel(smallModelFiles('BF16'))
  const profile = parseProfile(weights)
  const tensors = await packTensors(source, profile, unitNames(source.config), {
    write: async () => undefined,
  })
  const assets = new Map([
    ['vocab.json', utf8('{}')],
    ['tokenizer.json', utf8('[]')],
    ['README.md', utf8('not an asset')],
  ])
  return buildManifest({ name, config: source.config, assets }, profile, tensors)
}

const manifest = await smallManifest()
const identified = identifyManifest(manifest)

test('the id is pinned: it covers config, profile, assets and every packed byte', () => {
  expect(identified.id).toBe('874df1d48a06057e534691ce372fa69381baf8214c6f4b422dd612f71bfc8aec')
})

test('bytes decode to the same manifest with the same id', async () => {
  for (const weights of ['f32', 'int4:16', 'int8:128', 'int4:128', 'int4:32+head-int8:128']) {
    const one = identifyManifest(await smallManifest(weights))
    expect(decodeManifest(one.bytes)).toEqual(one)
  }
})

const matrices = Object.fromEntries(
  [
    'embed',
    'head',
    ...[0, 1].flatMap((block) =>
      ['qkv', 'output', 'gate-up', 'down'].map((part) => `block-${block}.${part}`),
    ),
  ].map((name, index) => [name, parseFormat(index % 2 === 0 ? 'int8:32' : 'int4:32:offset')]),
)
/** The manifest of a model whose matrices have formats of their own; its hashes are made up. */
const manifestOfFile = (change: object = {}): Manifest => {
  const profile = { ...parseProfile('int8:32'), matrices: { ...matrices, ...change } }
  const tensors = packedTensors(manifest.config, profile).map(({ name, type, shape, offset, bytes }) => ({
    name,
    type,
    shape,
    offset,
    bytes,
    sha256: 'a'.repeat(64),
  }))
  return { ...manifest, profile, tensors }
}

test('formats of single matrices travel with the manifest and are part of its id', () => {
  const one = identifyManifest(manifestOfFile())
  expect(decodeManifest(one.bytes)).toEqual(one)
  expect(identifyManifest(manifestOfFile({ embed: parseFormat('int8:128') })).id).not.toBe(one.id)
})

test('formats of matrices that the config does not have are refused', () => {
  const { bytes } = identifyManifest(manifestOfFile({ 'block-2.qkv': parseFormat('int8:32') }))
  expect(() => decodeManifest(bytes)).toThrow(/does not give each matrix of the config one format/)
})

test('assets are listed in order, by hash, and only those that travel', () => {
  expect(manifest.assets.map(({ name, bytes }) => [name, bytes])).toEqual([
    ['tokenizer.json', 2],
    ['vocab.json', 2],
  ])
})

test('names lose control characters and what exceeds the limit', async () => {
  expect((await smallManifest('f32', 'a\u001b[31mb\n')).name).toBe('a[31mb')
  expect((await smallManifest('f32', '\n')).name).toBe('model')
  expect(new TextEncoder().encode((await smallManifest('f32', '🐟'.repeat(200))).name).byteLength).toBe(256)
})

const canonical = (value: unknown): Uint8Array => encode(value, rfc8949EncodeOptions)
const [first, ...others] = manifest.tensors
const withFirst = (change: object): object => ({ ...manifest, tensors: [{ ...first, ...change }, ...others] })
const withConfig = (change: object): object => ({ ...manifest, config: { ...manifest.config, ...change } })
/** @param change of the format of attention's matrices; undefined for none at all */
const withFormat = (change: object | undefined): object => {
  const { attention, ...rest } = manifest.profile.formats
  const formats = change === undefined ? rest : { ...rest, attention: { ...attention, ...change } }
  return { ...manifest, profile: { ...manifest.profile, formats } }
}
test.each<[string, string, unknown, RegExp]>([
  ['a version of before', 'unsupported-model', { ...manifest, version: 1 }, /version 1/],
  [
    'an offset outside the unit',
    'bad-model',
    withFirst({ offset: 2 ** 40 }),
    /offset 1099511627776, but its config implies 0/,
  ],
  ["a length that is not the layout's", 'bad-model', withFirst({ bytes: 1 }), /bytes 1/],
  ['another shape', 'bad-model', withFirst({ shape: [6, 1] }), /shape \[6,1\]/],
  ['a name that is a path', 'bad-model', withFirst({ name: '../../key' }), /name "..\/..\/key"/],
  ['a short hash', 'bad-model', withFirst({ sha256: 'ab' }), /64 hex digits/],
  ['an upper-case hash', 'bad-model', withFirst({ sha256: 'A'.repeat(64) }), /64 hex digits/],
  ['a tensor less', 'bad-model', { ...manifest, tensors: others }, /lists 26 tensors, but its config has 27/],
  ['tensors in another order', 'bad-model', { ...manifest, tensors: [...others, first] }, /tensor 0/],
  ['a block more', 'bad-model', withConfig({ blockCount: 3 }), /its config has/],
  ['a million blocks', 'bad-model', withConfig({ blockCount: 1e6 }), /blockCount/],
  ['another family', 'unsupported-model', withConfig({ family: 'mamba' }), /mamba/],
  ['a config with an unknown field', 'bad-model', withConfig({ extra: 1 }), /not in canonical form/],
  ['a profile nobody has', 'bad-model', withFormat({ blockSize: 31 }), /block size/],
  [
    'a rounding of what is not rounded',
    'bad-model',
    { ...manifest, profile: { ...parseProfile('f32'), rounding: 'least-error' } },
    /lists 27 tensors, but its config has 17/,
  ],
  [
    'a rounding nobody knows',
    'unsupported-model',
    { ...manifest, profile: { ...manifest.profile, rounding: 'stochastic' } },
    /rounding "stochastic"/,
  ],
  ['a kind without a format', 'bad-model', withFormat(undefined), /format of attention/],
  [
    'another graph form',
    'unsupported-model',
    { ...manifest, profile: { ...manifest.profile, graphForm: 'portable-1' } },
    /portable-1/,
  ],
  ['another accuracy level', 'unsupported-model', withFormat({ accuracyLevel: 0 }), /accuracy level 0/],
  [
    'an asset that is a path',
    'bad-model',
    { ...manifest, assets: [{ name: '../key', bytes: 1, sha256: 'a'.repeat(64) }] },
    /not a file that travels/,
  ],
  ['an asset twice', 'bad-model', { ...manifest, assets: [manifest.assets[0], manifest.assets[0]] }, /twice/],
  [
    'a huge asset',
    'bad-model',
    { ...manifest, assets: [{ ...manifest.assets[0], bytes: 2 ** 40 }] },
    /size of tokenizer.json/,
  ],
  ['a name with an escape sequence', 'bad-model', { ...manifest, name: '\u001b[2J' }, /name/],
  ['no name', 'bad-model', { ...manifest, name: '' }, /name/],
  ['tensors that are a map', 'bad-model', { ...manifest, tensors: {} }, /not a list/],
  ['a list', 'bad-model', [manifest], /not a JSON object/],
])('refused: %s', (_, code, value, message) => {
  expect(() => decodeManifest(canonical(value))).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  )
})

test('a second encoding of the same values is refused: one manifest, one id', () => {
  const reordered = Object.fromEntries(Object.entries(manifest).reverse())
  const sorter = () => 0
  expect(() => decodeManifest(encode(reordered, { mapSorter: sorter }))).toThrow(/not in canonical form/)
  expect(() =>
    decodeManifest(encode(withConfig({ normEpsilon: 0.5 }), { ...rfc8949EncodeOptions, float64: true })),
  ).toThrow(/not in canonical form/)
  expect(() => decodeManifest(Uint8Array.of(...identified.bytes, 0))).toThrow(/not valid CBOR/)
})

test('a manifest beyond the limit is refused before it is decoded', () => {
  expect(() => decodeManifest(new Uint8Array(limits.manifestBytesMax + 1))).toThrow(
    expect.objectContaining({ code: 'limit-exceeded' }),
  )
})

test.each([
  ['nested lists', new Uint8Array(100_000).fill(0x81)],
  ['nested maps', new Uint8Array(100_000).fill(0xa1)],
  ['a list of 2^32 items', Uint8Array.of(0x9a, 255, 255, 255, 255)],
  ['a text of 2^62 bytes', Uint8Array.of(0x7b, 64, 0, 0, 0, 0, 0, 0, 0)],
  ['an indefinite map', Uint8Array.of(0xbf, 0xff)],
  ['nothing', new Uint8Array(0)],
])('refused: %s', (_, bytes) => {
  expect(() => decodeManifest(bytes)).toThrow(ModelError)
})

test('any bytes changed in a good manifest: refused, or the same manifest but for hashes, names and config', () => {
  const { bytes } = identified
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(bytes.byteLength),
      (edits, length) => {
        const changed = length % 7 === 0 ? bytes.slice(0, length) : bytes.slice()
        for (const [at, byte] of edits) if (at < changed.byteLength) changed[at] = byte
        try {
          const decoded = decodeManifest(changed)
          expect(Buffer.from(decoded.bytes).equals(changed)).toBe(true)
          expect(decoded.manifest.tensors.map(({ offset }) => offset)).toEqual(
            manifest.tensors.map(({ offset }) => offset),
          )
        } catch (error) {
          if (!(error instanceof ModelError)) throw error
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test.each<[string, unknown]>([
  ['a number that JSON lacks', { version: [2n ** 60n] }],
  ['such a number deep inside', withConfig({ family: { a: [2n ** 63n] } })],
  ['bytes where a number belongs', { version: new Uint8Array(1 << 20) }],
  ['an object with a broken toString', withFormat({ weights: { toString: 1, valueOf: 1 } })],
])('%s is refused by its name and not by a TypeError', (_name, value) => {
  expect(() => decodeManifest(canonical(value))).toThrow(ModelError)
})

test('whatever stands in place of a field, the refusal is a ModelError', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom({ toString: 1 }, { __proto__: null }, { length: -1 }),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(manifest)),
      fc.option(fc.constantFrom(...Object.keys(manifest.config), ...Object.keys(manifest.profile))),
      value,
      (field, inner, given) => {
        const part: unknown = Reflect.get(manifest, field)
        const nested = inner !== null && typeof part === 'object' && !Array.isArray(part)
        const changed = { ...manifest, [field]: nested ? { ...part, [inner]: given } : given }
        try {
          decodeManifest(canonical(changed))
        } catch (error) {
          if (!(error instanceof ModelError)) throw error
        }
      },
    ),
    { numRuns: 1000 },
  )
})
