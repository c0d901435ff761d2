import { expect, test } from 'vitest'
import { dequantiseRows } from './quantising/dequantise.ts'
import { sha256Hex } from '../manifest/hasher.ts'
import { openModel, type ModelSource } from '../sources/model-source.ts'
import { packTensors, type PackSink } from './pack-tensors.ts'
import { packedTensors, unitBytes, unitNames, type PackedTensor } from './packed-layout.ts'
import { formatOf, parseProfile, type NumericProfile } from './profile.ts'
import type { RangeReader } from '../sources/range-reader.ts'
import { encodeValues, smallModelFiles, smallValues, type TestTensor } from '../testing/small-model.ts'

/**
 * Size and sha256 of each unit's file, made by an independent implementation of docs/packing.md in Python.
 * A change here is another numeric profile: every manifest id changes with it.
 */
const golden: readonly (readonly [string, string, number, string])[] = [
  ['f32', 'embed', 480, 'e80c0e828e3f13333ad0c5c69a4b5f387daa683910de89266deb708d477d28c5'],
  ['f32', 'block-0', 11008, '5ddc530a203bb419b8de6bd1b9926751ce165691d8175384cc2acfdc213e4602'],
  ['f32', 'block-1', 11008, '66122bcf154f3a1a7906898c501d391179e4dc5bcee0243d301cd5d607d8672c'],
  ['f32', 'head', 608, '8b1a7118cd4841941a527ccf3af31a4d99a84db6ad6c93307d804f4c221956b2'],
  ['int4:16', 'embed', 176, '6532384cd8d031e04c78de424b8a6d775de0d2dec636a4f2e49a34dedbcd47ab'],
  ['int4:16', 'block-0', 3552, 'fd31ec1abd138da798595ad4b4ee83e7fadcfe0010d758a266258d3c28dbe1c7'],
  ['int4:16', 'block-1', 3552, '705ac3a203c7b8f4f04e5213d991460fc00fd847e382b572488230a62d4a3c45'],
  ['int4:16', 'head', 304, '993242d7c6a0cafeb0e5252909e9953b091ac6b81739ba1f1cc61491e2dd8a45'],
  ['int4:32', 'embed', 152, '5347fa7f1e4d1e30d4271d8dc64ed0439a8eb329c650b3d13182c02d58e59213'],
  ['int4:32', 'block-0', 3088, '5fa049310e2f6fc8d20d657844ac18f28269b9d64f88a7842b24b0294fa62de4'],
  ['int4:32', 'block-1', 3088, '4cb78db396a4247f185d601674a5a5aee63bb894f424c01412019ea778a50731'],
  ['int4:32', 'head', 280, '4fb5da4fd392e7818d3750dd68290c4d7f369bd82647e0a15a9a95951875c7e1'],
  ['int8:16', 'embed', 240, 'b0ee456818f54c3a6699ae27532018356e2e4e84b97f7717e0afc008c55f3bc7'],
  ['int8:16', 'block-0', 5600, '9f4edab381bd2099a243bcd25661701d12bf90fcebbd7cf775a2148ae59c88a9'],
  ['int8:16', 'block-1', 5600, '979f05e341ed46c6c7489eb6a7338e683f31fa54c2ab5400f25787e679b41238'],
  ['int8:16', 'head', 368, 'ccab8a0879d8cd1c6ea73175a21a0b6e5f051874d55439fdc54e587fd06d8a98'],
  ['int8:32', 'embed', 216, '3268403c53b616ae704d691430a13fa21340cd91b81ee9d0344b9302f0b39e78'],
  ['int8:32', 'block-0', 5136, '03d040705a99c924ae3e3ca238b3aabf6ec187a92d0e3c509161f0f01d9b7375'],
  ['int8:32', 'block-1', 5136, '9ff19ea5445a3789e475d9e63f67a6114430c28f1fb9f1e2b7ddd42d8e92ae8b'],
  ['int8:32', 'head', 344, '8c6cc5d9c2e4792b65bd8c98a2577ea30d65afc55f0c2296b569b98c1635c02c'],
]

async function packUnits(source: ModelSource, profile: NumericProfile) {
  const files = new Map(
    unitNames(source.config).map((unit) => [unit, new Uint8Array(unitBytes(source.config, profile, unit))]),
  )
  const sink: PackSink = {
    write: async (tensor: PackedTensor, offset, bytes) =>
      files.get(tensor.unit)?.set(bytes, tensor.offset + offset),
  }
  const tensors = await packTensors(source, profile, unitNames(source.config), sink)
  return { files, tensors }
}

const weights = [...new Set(golden.map(([name]) => name))]
test.each(weights)('golden bytes of %s, from every source type and from shards', async (name) => {
  const profile = parseProfile(name)
  for (const files of [
    smallModelFiles('F32'),
    smallModelFiles('BF16'),
    smallModelFiles('F16'),
    smallModelFiles('BF16', 3),
  ]) {
    const source = await openModel(files)
    const { files: units, tensors } = await packUnits(source, profile)
    const found = [...units].map(([unit, bytes]) => [name, unit, bytes.byteLength, sha256Hex(bytes)])
    expect(found).toEqual(golden.filter(([weights]) => weights === name))
    expect(tensors).toMatchObject(
      packedTensors(source.config, profile).map(({ name, type, shape, offset, bytes }) => ({
        name,
        type,
        shape,
        offset,
        bytes,
      })),
    )
    for (const { name: tensor, offset, bytes, sha256 } of tensors) {
      expect(
        sha256Hex(
          units.get(tensor.slice(0, tensor.indexOf('.')))?.subarray(offset, offset + bytes) ??
            new Uint8Array(),
        ),
      ).toBe(sha256)
    }
  }
})

test('the first row in int4:16, by hand', async () => {
  const { files } = await packUnits(await openModel(smallModelFiles('F32')), parseProfile('int4:16'))
  const embed = files.get('embed') ?? new Uint8Array()
  expect(Buffer.from(embed.subarray(0, 16)).toString('hex')).toBe('3085eb52d9d96183f3c0888888888888')
  expect([...new Float32Array(embed.slice(128, 136).buffer)]).toEqual([0.1953125, -0.173828125])
})

test('dequantised rows are within half a scale of the weights, exact for f32', async () => {
  const source = await openModel(smallModelFiles('F32'))
  for (const name of ['f32', 'int4:16', 'int8:32']) {
    const profile = parseProfile(name)
    const { files, tensors } = await packUnits(source, profile)
    const bytesOf = (tensor: string): Uint8Array => {
      const found = tensors.find((one) => one.name === tensor)
      return found === undefined
        ? new Uint8Array()
        : (files.get('embed') ?? new Uint8Array()).subarray(found.offset, found.offset + found.bytes)
    }
    const values = dequantiseRows(
      formatOf(profile, 'embed'),
      bytesOf('embed.weight'),
      bytesOf('embed.scale'),
      6,
      20,
    )
    const worst = Math.max(
      ...smallValues(120, 0).map((value, index) => Math.abs(value - (values[index] ?? 0))),
    )
    // The extreme's own sign has one code more than the other: the other end may be a whole scale off.
    expect(worst).toBeLessThanOrEqual(
      { f32: 0, 'int4:16': 100 / 64 / 8, 'int8:32': 100 / 64 / 128 }[name] ?? 0,
    )
  }
})

test('a unit reads only the bytes that it needs', async () => {
  const whole = smallModelFiles('BF16')
  const reads: [number, number][] = []
  const files = {
    ...whole,
    open: async (name: string): Promise<RangeReader | null> => {
      const reader = await whole.open(name)
      if (reader === null || name !== 'model.safetensors') return reader
      return {
        size: reader.size,
        read: (offset, length, signal) => {
          reads.push([offset, length])
          return reader.read(offset, length, signal)
        },
      }
    },
  }
  const source = await openModel(files)
  const sink: PackSink = { write: async () => undefined }
  await packTensors(source, parseProfile('int4:32'), ['block-1'], sink)
  const [, , ...tensorReads] = reads
  const blockValues = 4 * 20 * 20 - 400 + 20 + 40 + 20 + 3 * 24 * 20
  expect(tensorReads.reduce((sum, [, length]) => sum + length, 0)).toBe(2 * blockValues)
})

const change = (name: string, edit: (tensor: TestTensor) => TestTensor | null) => (tensors: TestTensor[]) =>
  tensors.flatMap((tensor) => (tensor.name === name ? (edit(tensor) ?? []) : tensor))
const poison = (value: number) => (tensor: TestTensor) => ({
  ...tensor,
  bytes: encodeValues(smallValues(400, 1).with(333, value), 'F32'),
})
const query = 'model.layers.1.self_attn.q_proj.weight'
test.each<[string, string, (tensors: TestTensor[]) => TestTensor[], RegExp]>([
  [
    'a missing tensor',
    'bad-model',
    change(query, () => null),
    /tensor "model.layers.1.self_attn.q_proj.weight" is missing/,
  ],
  [
    'another shape',
    'bad-model',
    change(query, (tensor) => ({ ...tensor, shape: [10, 40] })),
    /q_proj.weight has shape \[10, 40\], but config.json needs \[20, 20\]/,
  ],
  ['another rank', 'bad-model', change(query, (tensor) => ({ ...tensor, shape: [400] })), /shape \[400\]/],
  [
    'a weight that is NaN',
    'bad-model',
    change(query, poison(NaN)),
    /q_proj.weight has a value that is not finite \(NaN\)/,
  ],
  ['a weight that is infinite', 'bad-model', change(query, poison(-Infinity)), /not finite \(-Infinity\)/],
  [
    'a bias that would be ignored',
    'unsupported-model',
    (tensors) => [
      ...tensors,
      { name: 'model.layers.0.mlp.up_proj.bias', dtype: 'F32', shape: [1], bytes: new Uint8Array(4) },
    ],
    /up_proj.bias has no place/,
  ],
])('refused: %s', async (_, code, edit, message) => {
  const source = await openModel(smallModelFiles('F32', 1, edit))
  for (const name of ['int4:32', 'int8:16', 'f32']) {
    await expect(packUnits(source, parseProfile(name))).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  }
})

test("an aborted packing ends with the signal's reason", async () => {
  const source = await openModel(smallModelFiles('F32'))
  const controller = new AbortController()
  const reason = new Error('enough')
  const options = { signal: controller.signal, onProgress: () => controller.abort(reason) }
  await expect(
    packTensors(
      source,
      parseProfile('f32'),
      unitNames(source.config),
      { write: async () => undefined },
      options,
    ),
  ).rejects.toBe(reason)
})
