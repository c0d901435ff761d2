import {
  buildManifest,
  identifyManifest,
  memoryFiles,
  openModel,
  packTensors,
  profileOfBlocks,
  unitNames,
  unitOf,
  type IdentifiedManifest,
  type ModelSource,
} from '@shoal/model'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { profileNamed } from './profile-named.ts'

/** A packed model in a temporary folder and, for the reference device, in memory. */
export interface PackedModel {
  readonly manifest: IdentifiedManifest
  readonly folder: string
  read(tensorName: string, offset: number, length: number): Promise<Uint8Array>
  remove(): void
}

export const repositoryFolder = resolve(import.meta.dirname, '../../../..')
export const goldenFolder = (name: string): string => join(repositoryFolder, 'test/golden', name)
export const testDataFolder = process.env['SHOAL_TEST_DATA'] ?? join(repositoryFolder, '../shared/data')

/** Packs a model folder under a profile such as `int4:32`. */
export async function packFolder(path: string, weights: string): Promise<PackedModel> {
  const files = new Map(
    readdirSync(path).map((name) => [name, new Uint8Array(readFileSync(join(path, name)))]),
  )
  return packModel(await openModel(memoryFiles('test', files)), weights)
}

/** @param profileName of a profile, or `gguf` for the formats of the source */
export async function packModel(source: ModelSource, profileName: string): Promise<PackedModel> {
  const profile = profileName === 'gguf' ? await profileOfBlocks(source) : profileNamed(profileName)
  const units = new Map<string, Uint8Array>()
  const tensors = await packTensors(source, profile, unitNames(source.config), {
    async write(tensor, offset, bytes) {
      const end = tensor.offset + tensor.bytes
      const old = units.get(tensor.unit) ?? new Uint8Array()
      const file = old.length >= end ? old : new Uint8Array(end)
      if (file !== old) file.set(old)
      file.set(bytes, tensor.offset + offset)
      units.set(tensor.unit, file)
    },
  })
  await source.close()
  const manifest = identifyManifest(buildManifest(source, profile, tensors))
  const folder = mkdtempSync(join(tmpdir(), 'shoal-runtime-'))
  for (const [unit, bytes] of units) writeFileSync(join(folder, `${unit}.bin`), bytes)
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  return {
    manifest,
    folder,
    async read(tensorName, offset, length) {
      const tensor = byName.get(tensorName)
      const bytes = units.get(unitOf(tensorName))
      if (tensor === undefined || bytes === undefined) throw new Error(`no tensor ${tensorName}`)
      return bytes.slice(tensor.offset + offset, tensor.offset + offset + length)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export interface GoldenCase {
  readonly prompt: readonly number[]
  readonly greedy: readonly number[]
  /** float32 `[prompt.length, vocabularySize]`. */
  readonly promptLogits: Float32Array
  /** float32 `[prompt.length + greedy.length or one less, vocabularySize]`: the last row is behind the last token. */
  readonly finalLogits: Float32Array
}

/** Prompts, greedy tokens and logits that the family's reference code computed. */
export function readGolden(name: string): readonly GoldenCase[] {
  return goldenIn(goldenFolder(name))
}

export function goldenIn(folder: string): readonly GoldenCase[] {
  const { cases } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
    cases: { prompt: number[]; greedy: number[] }[]
  }
  const logits = readSafetensors(join(folder, 'golden.safetensors'))
  const find = (key: string): Float32Array => {
    const values = logits.get(key)
    if (values === undefined) throw new Error(`${folder} has no ${key}`)
    return values
  }
  return cases.map(({ prompt, greedy }, index) => ({
    prompt,
    greedy,
    promptLogits: find(`logits_${index}`),
    finalLogits: find(`final_logits_${index}`),
  }))
}

function readSafetensors(path: string): Map<string, Float32Array> {
  const file = readFileSync(path)
  const headerBytes = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<
    string,
    { data_offsets?: [number, number] }
  >
  const entries = Object.entries(header).flatMap(([key, { data_offsets: range }]) =>
    range === undefined ? [] : [[key, range] as const],
  )
  return new Map(
    entries.map(([key, [from, to]]) => [
      key,
      new Float32Array(new Uint8Array(file.subarray(8 + headerBytes + from, 8 + headerBytes + to)).buffer),
    ]),
  )
}

export const stories260K = join(testDataFolder, 'stories260K')
export const hasStories260K = existsSync(stories260K)
