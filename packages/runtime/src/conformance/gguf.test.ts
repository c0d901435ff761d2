import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryFiles, openGguf } from '@shoal/model'
import { expect, test } from 'vitest'
import { devices, plentyBytes } from '../testing/devices.ts'
import { greedyTokens } from '../testing/greedy.ts'
import { packModel, repositoryFolder, testDataFolder } from '../testing/packed-model.ts'
import { loadPipeline, type Pipeline } from '../testing/pipeline.ts'

interface Reference {
  /** `greedy_f32` where the weights are quantised: llama.cpp with the same weights as floats. */
  readonly cases: readonly {
    readonly prompt: readonly number[]
    readonly greedy: readonly number[]
    readonly greedy_f32?: readonly number[]
  }[]
}

const committed = join(repositoryFolder, 'test/gguf')
const published = join(testDataFolder, 'gguf')

async function pack(path: string, weights?: string) {
  const name = 'model.gguf'
  const files = new Map([[name, new Uint8Array(readFileSync(path))]])
  const source = await openGguf(memoryFiles('test', files), name)
  return packModel(source, weights ?? source.preferredWeights ?? 'f32')
}

async function greedy(pipeline: Pipeline, session: string, prompt: readonly number[], count: number) {
  await pipeline.open(session, 200)
  const logits = await pipeline.logits(session, prompt)
  return (await greedyTokens(pipeline, session, logits, count)).tokens
}

/** Compares the greedy tokens of every prompt. */
async function compare(path: string, kind: string, cuts: readonly number[], weights?: string): Promise<void> {
  const { cases } = JSON.parse(readFileSync(path.replace(/gguf$/, 'json'), 'utf8')) as Reference
  const packed = await pack(path, weights)
  const device = await devices[kind]!(packed)
  const pipeline = await loadPipeline(device, cuts, plentyBytes)
  for (const [index, { prompt, greedy: quantised, greedy_f32: floats }] of cases.entries()) {
    const expected = weights === 'f32' ? (floats ?? quantised) : quantised
    expect(await greedy(pipeline, `case-${index}`, prompt, expected.length)).toEqual(expected)
  }
  await pipeline.release()
  await device.close()
  packed.remove()
}

const story = join(committed, 'stories260K-Q4_0.gguf')
test.each(Object.keys(devices))(
  'stories260K-Q4_0.gguf as floats tells the story of llama.cpp on %s, cut into three',
  (kind) => compare(story, kind, [0, 2, 3, 5], 'f32'),
)

test('stories260K-Q4_0.gguf with its own codes tells the same story', () =>
  compare(story, 'onnx', [0, 5], 'int8:32'))

const trained = ['BF16', 'F16', 'Q4_K_M', 'Q5_1', 'Q8_0'].map((type) => `stories260K-${type}`)
const random = ['IQ4_NL', 'Q2_K', 'Q4_0', 'Q4_K_M', 'Q5_0', 'Q5_K_M', 'Q6_K', 'Q8_0']
const cutsOf: Readonly<Record<string, readonly number[]>> = { gemma3: [0, 1, 5, 6] }
const architectures = ['gemma2', 'gemma3', 'llama-rope-freqs', 'llama-tied', 'qwen2', 'qwen3']
test.for([...trained, ...random.map((type) => `random256-${type}`), ...architectures])(
  '%s.gguf as floats gives the tokens of llama.cpp',
  async (name, { skip }) => {
    const path = join(published, `${name}.gguf`)
    skip(!existsSync(path), `no ${path}; SHOAL_TEST_DATA names the folder with the test data`)
    await compare(
      path,
      'onnx',
      name.startsWith('stories') ? [0, 5] : name.startsWith('random') ? [0, 1] : (cutsOf[name] ?? [0, 1, 2]),
      'f32',
    )
  },
)
