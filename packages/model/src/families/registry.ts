import type { BlockSpec } from '../config/block-spec.ts'
import type { BlockRange, ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { show } from '../json-fields.ts'
import type { Family } from './family.ts'
import { llama } from './llama.ts'
import { mistral } from './mistral.ts'
import { mixtral } from './mixtral.ts'
import { phi3 } from './phi3.ts'
import { qwen2 } from './qwen2.ts'
import { qwen2Moe } from './qwen2-moe.ts'
import { qwen3 } from './qwen3.ts'
import { qwen3Moe } from './qwen3-moe.ts'

/** The families that can be run. A new one is a file of its own and a line here. */
const families: readonly Family[] = [llama, mistral, mixtral, phi3, qwen2, qwen2Moe, qwen3, qwen3Moe]

export const familyNames: readonly string[] = families.map(({ name }) => name)

/**
 * @param what how the value is called where it came from: `model_type` in config.json
 * @throws {ModelError} `unsupported-model` with the names of the families that are supported
 */
export function familyNamed(name: unknown, what = 'model family'): Family {
  const family = families.find((one) => one.name === name)
  if (family === undefined) {
    throw new ModelError(
      'unsupported-model',
      `${what} ${show(name)} is not supported; these are: ${familyNames.join(', ')}`,
    )
  }
  return family
}

/** The family whose GGUF files name this architecture. @throws {ModelError} `unsupported-model` with the names of those */
export function familyOfArchitecture(architecture: string | null): Family {
  const family = families.find(({ gguf }) => gguf !== undefined && gguf.architecture === architecture)
  if (family !== undefined) return family
  const known = families.flatMap(({ gguf }) => gguf?.architecture ?? [])
  throw new ModelError(
    'unsupported-model',
    `GGUF files of the architecture ${show(architecture)} are not supported; these are: ${known.join(', ')}`,
  )
}

/** The block of that index. @throws {ModelError} `unsupported-model` for an unknown family */
export function blockSpec(config: ModelConfig, index: number): BlockSpec {
  return familyNamed(config.family).block(config, index)
}

/** The blocks of a range, in order; all blocks of the model by default. */
export function blockSpecs(
  config: ModelConfig,
  { start, end }: BlockRange = { start: 0, end: config.blockCount },
): BlockSpec[] {
  const family = familyNamed(config.family)
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => family.block(config, start + index))
}
