import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openModel, type ModelSource } from '../../sources/model-source.ts'
import { openFolder, openGgufFile } from '../../sources/model-folder.ts'
import { packIntoFolder } from './pack-into-folder.ts'
import { createPackedFolder, openPackedFolder, type PackedFolder } from './packed-folder.ts'
import { packedUnit, unitNames } from '../packed-layout.ts'
import { parseProfile } from '../profile.ts'
import { memoryFiles, memoryReader, type ModelFiles } from '../../sources/range-reader.ts'
import { smallConfigJson, smallModelFiles, utf8, type TestTensor } from '../../testing/small-model.ts'

const profile = parseProfile('int4:32')
let root: string
let source: ModelSource
let whole: PackedFolder

const open = (
  change?: (tensors: TestTensor[]) => TestTensor[],
  vocabulary = '{"a":0}',
): Promise<ModelSource> => openModel(withAsset(smallModelFiles('BF16', 1, change), utf8(vocabulary)))

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shoal-packed-'))
  source = await open()
  whole = await packIntoFolder(source, profile, join(root, 'whole'))
})
afterAll(async () => {
  await whole.close()
  await rm(root, { recursive: true })
})

function withAsset(files: ModelFiles, vocabulary: Uint8Array): ModelFiles {
  return {
    ...files,
    open: async (name) => (name === 'vocab.json' ? memoryReader(vocabulary) : files.open(name)),
  }
}

async function unitOfWhole(unit: string): Promise<{ offset: number; bytes: Uint8Array }[]> {
  const tensors = packedUnit(source.config, profile, unit)
  return Promise.all(
    tensors.map(async ({ name, offset, bytes }) => ({ offset, bytes: await whole.read(name, 0, bytes) })),
  )
}

test('a whole model is packed, verifies, and opens again by its own manifest', async () => {
  expect(whole.complete(unitNames(source.config))).toBe(true)
  for (const unit of unitNames(source.config)) await whole.verify(unit)
  expect(new TextDecoder().decode((await whole.readAsset('vocab.json')) ?? undefined)).toBe('{"a":0}')
  const again = await openPackedFolder(join(root, 'whole'))
  expect(again.manifest).toEqual(whole.manifest)
  expect((await readdir(join(root, 'whole'))).filter((name) => name.endsWith('.partial'))).toEqual([])
  expect(await again.read('block-1.qkv.weight', 16, 16)).toEqual(
    (await whole.read('block-1.qkv.weight', 0, 32)).subarray(16),
  )
  await again.close()
})

test('only the units asked for are packed for a known manifest, each hash compared', async () => {
  const part = await packIntoFolder(source, profile, join(root, 'part'), {
    units: ['block-1', 'head'],
    expected: whole.manifest,
  })
  expect(unitNames(source.config).filter((unit) => part.hasUnit(unit))).toEqual(['block-1', 'head'])
  await part.verify('block-1')
  await expect(part.read('block-0.attention-norm', 0, 4)).rejects.toThrow(/unit block-0 of small is not in/)
  await part.close()
})

test('another model with the same config is refused by the first tensor that differs', async () => {
  const other = await open((tensors) =>
    tensors.map((tensor) =>
      tensor.name === 'model.layers.0.mlp.up_proj.weight'
        ? { ...tensor, bytes: tensor.bytes.map((byte) => byte ^ 1) }
        : tensor,
    ),
  )
  const packing = packIntoFolder(other, profile, join(root, 'other'), { expected: whole.manifest })
  await expect(packing).rejects.toThrow(
    expect.objectContaining({
      code: 'hash-mismatch',
      message: expect.stringMatching(/block-0.gate-up.weight of small packs to .* manifest of small/),
    }),
  )
  expect((await readdir(join(root, 'other'))).sort()).toEqual(['assets', 'embed.bin', 'manifest.cbor'])
})

test('another profile is refused with both named', async () => {
  const packing = packIntoFolder(source, parseProfile('int8:32'), join(root, 'profile'), {
    expected: whole.manifest,
  })
  await expect(packing).rejects.toThrow(/has profile int4:32, not int8:32/)
})

test('another config is refused with the field and both values', async () => {
  const other = { ...source, config: { ...source.config, contextLength: 128 } }
  await expect(
    packIntoFolder(other, profile, join(root, 'config'), { expected: whole.manifest }),
  ).rejects.toThrow(/contextLength is 128 in small, but 64 in the manifest of small/)
})

test('an asset that differs is left to be fetched from a peer, and the weights are packed all the same', async () => {
  const edited = await open(undefined, '{"b":0}')
  const folder = await packIntoFolder(edited, profile, join(root, 'edited'), {
    units: ['head'],
    expected: whole.manifest,
  })
  expect(await folder.readAsset('vocab.json')).toBeNull()
  await folder.verify('head')
  await folder.close()
})

test('a folder of another manifest is refused', async () => {
  const eight = await packIntoFolder(source, parseProfile('int8:32'), join(root, 'eight'))
  await expect(createPackedFolder(join(root, 'eight'), whole.manifest)).rejects.toThrow(
    expect.objectContaining({ code: 'hash-mismatch' }),
  )
  await eight.close()
})

test('a unit written in any order of pieces is checked before it gets its final name', async () => {
  const folder = await createPackedFolder(join(root, 'peer'), whole.manifest)
  const writer = await folder.writer('block-0')
  await expect(folder.writer('block-0')).rejects.toThrow(/being written already/)
  for (const { offset, bytes } of (await unitOfWhole('block-0')).reverse()) await writer.write(offset, bytes)
  expect(folder.hasUnit('block-0')).toBe(false)
  await writer.commit()
  expect(folder.hasUnit('block-0')).toBe(true)
  await folder.verify('block-0')
  await folder.writeAsset('vocab.json', utf8('{"a":0}'))
  await expect(folder.writeAsset('vocab.json', utf8('{"a":1}'))).rejects.toThrow(
    expect.objectContaining({ code: 'hash-mismatch' }),
  )
  await expect(folder.writeAsset('../key', utf8(''))).rejects.toThrow(/no asset/)
  expect(await folder.readAsset('vocab.json')).toEqual(utf8('{"a":0}'))
  await folder.removeUnit('block-0')
  expect(folder.hasUnit('block-0')).toBe(false)
  await folder.close()
})

test.each([
  ['inside a tensor', 3, /tensor head.norm/],
  ['in the last tensor', 250, /tensor head.scale/],
  ['between tensors', 100, /bytes before tensor head.weight/],
])('a lying peer, %s: named, and nothing stays', async (_, at, message) => {
  const folder = await createPackedFolder(join(root, `liar-${at}`), whole.manifest)
  const writer = await folder.writer('head')
  for (const { offset, bytes } of await unitOfWhole('head')) await writer.write(offset, bytes)
  await writer.write(at, Uint8Array.of(1, 2, 3))
  await expect(writer.write(10_000, Uint8Array.of(1))).rejects.toThrow(
    expect.objectContaining({ code: 'bad-model' }),
  )
  await expect(writer.write(-1, Uint8Array.of(1))).rejects.toThrow(
    expect.objectContaining({ code: 'bad-model' }),
  )
  await expect(writer.commit()).rejects.toThrow(
    expect.objectContaining({ code: 'hash-mismatch', message: expect.stringMatching(message) }),
  )
  await writer.abort()
  expect((await readdir(join(root, `liar-${at}`))).sort()).toEqual(['assets', 'manifest.cbor'])
  const next = await folder.writer('head')
  await next.abort()
  await folder.close()
})

test('bytes that changed on disk are found by verify, a shorter file at opening', async () => {
  const path = join(root, 'decay')
  const folder = await packIntoFolder(source, profile, path)
  const bytes = await folder.read('embed.weight', 0, 96)
  await writeFile(folder.unitPath('embed'), bytes.with(5, (bytes[5] ?? 0) ^ 1), { flag: 'r+' })
  await expect(folder.verify('embed')).rejects.toThrow(/tensor embed.weight .* hashes to/)
  await folder.close()
  await truncate(folder.unitPath('block-0'), 100)
  const again = await openPackedFolder(path)
  expect(again.hasUnit('block-0')).toBe(false)
  expect(again.hasUnit('block-1')).toBe(true)
  await again.close()
})

test('an interrupted packing leaves no partial file and no manifest', async () => {
  const controller = new AbortController()
  const path = join(root, 'interrupted')
  const packing = packIntoFolder(source, profile, path, {
    signal: controller.signal,
    onProgress: ({ unit }) => (unit === 'block-1' ? controller.abort(new Error('enough')) : undefined),
  })
  await expect(packing).rejects.toThrow('enough')
  expect((await readdir(path)).sort()).toEqual(['block-0.bin', 'embed.bin'])
  await expect(openPackedFolder(path)).rejects.toThrow(expect.objectContaining({ code: 'not-found' }))
})

test('ranges of packed tensors stay inside them', async () => {
  for (const [offset, length] of [
    [0, 1e9],
    [-4, 4],
    [0.5, 1],
    [1e9, 0],
  ] as const) {
    await expect(whole.read('embed.scale', offset, length)).rejects.toThrow(
      expect.objectContaining({ code: 'bad-model' }),
    )
  }
  await expect(whole.read('embed.nothing', 0, 1)).rejects.toThrow(/no packed tensor/)
})

test('a path that is no model folder is refused with what it is instead', async () => {
  await expect(openFolder(join(root, 'nowhere'))).rejects.toThrow(/there is no folder/)
  await expect(openFolder(whole.unitPath('embed'))).rejects.toThrow(
    /is a file; give a .gguf file, or the folder/,
  )
  await expect(openFolder(root)).rejects.toThrow(
    expect.objectContaining({ code: 'not-found', message: expect.stringMatching(/no config.json/) }),
  )
  await writeFile(join(root, 'model.GGUF'), 'GGUF')
  await expect(openFolder(root)).rejects.toThrow(/the GGUF file that it holds, name the file: .*model.GGUF/)
  await expect(openGgufFile(join(root, 'other.gguf'))).rejects.toThrow(/there is no file .*other.gguf/)
})

test('a model that the disk has no room for is refused before a byte is written', async () => {
  const config = {
    ...smallConfigJson,
    hidden_size: 131_072,
    num_attention_heads: 1024,
    num_key_value_heads: 1024,
    intermediate_size: 1 << 20,
    num_hidden_layers: 1024,
  }
  const huge = await openModel(
    memoryFiles(
      'huge',
      new Map([
        ['config.json', utf8(JSON.stringify(config))],
        ['model.safetensors', utf8('\u0002\0\0\0\0\0\0\0{}')],
      ]),
    ),
  )
  const path = join(root, 'huge')
  await expect(packIntoFolder(huge, profile, path)).rejects.toThrow(
    expect.objectContaining({
      code: 'disk-full',
      message: expect.stringMatching(/needs \d+\.\d\d GiB in .* only \d+\.\d\d GiB are free/),
    }),
  )
  expect(await readdir(path)).toEqual([])
})
