import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openFolder, openGgufFile } from './model-folder.ts'
import { otherFormat } from './other-formats.ts'
import { openSafetensors, weightFaults } from './safetensors/safetensors-source.ts'

const root = mkdtempSync(join(tmpdir(), 'shoal-formats-'))
afterAll(() => rmSync(root, { recursive: true }))

const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'

function folderOf(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, name)
  mkdirSync(folder)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

test('a pointer of Git LFS is told from the file for which it stands', async () => {
  const folder = folderOf('pointers', {
    'config.json': '{}',
    'model.safetensors': pointer,
    'a.gguf': pointer,
  })
  const [safetensors, gguf] = [await openFolder(folder), (await openGgufFile(join(folder, 'a.gguf'))).files]
  const refusal = { code: 'bad-model', message: expect.stringContaining('git lfs pull') as unknown }
  await expect(openSafetensors(safetensors)).rejects.toMatchObject(refusal)
  await expect(gguf.open('a.gguf')).rejects.toMatchObject(refusal)
  expect(await safetensors.open('config.json')).not.toBeNull()
  for (const files of [safetensors, gguf]) await files.close()
})

test.each<[string, Readonly<Record<string, string>>, string]>([
  ['adapter', { 'adapter_config.json': '{}', 'adapter_model.safetensors': '' }, 'it is an adapter (LoRA)'],
  ['pickled', { 'pytorch_model-00001-of-00002.bin': '' }, 'is a file of PyTorch'],
  ['onnx', { 'model.onnx': '' }, 'is of a format that is not read'],
])('a folder with an %s model only is called what it is', async (name, files, words) => {
  expect(otherFormat(Object.keys(files))).toContain(words)
  await expect(openFolder(folderOf(name, files))).rejects.toThrow(words)
  const withConfig = await openFolder(folderOf(`${name}-config`, { ...files, 'config.json': '{}' }))
  await expect(openSafetensors(withConfig)).rejects.toThrow(words)
  await withConfig.close()
})

test('files that an index names and that cannot be read are named', async () => {
  const index = {
    weight_map: { a: '1.safetensors', b: '2.safetensors', c: '3.safetensors', d: '2.safetensors' },
  }
  const files = await openFolder(
    folderOf('shards', {
      'config.json': '{}',
      'model.safetensors.index.json': JSON.stringify(index),
      '1.safetensors': 'x'.repeat(64),
      '3.safetensors': pointer,
    }),
  )
  const { fileNames } = await openSafetensors(files)
  expect(await weightFaults(files, fileNames)).toEqual([
    '1 of 3 files that the index names are absent: 2.safetensors',
    expect.stringMatching(/^3\.safetensors is a pointer/) as unknown,
  ])
  expect(await weightFaults(files, ['1.safetensors'])).toEqual([])
  await files.close()
})

test('files that tell nothing are not named', () => {
  expect(otherFormat(['README.md', 'training_args.json'])).toBeNull()
})
