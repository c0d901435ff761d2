import type { BlockSpec, HeadSpec } from '../config/block-spec.ts'
import type { BlockRange, ModelConfig } from '../config/model-config.ts'
import { ModelError } from '../error.ts'
import { show } from '../json-fields.ts'
import { arcee } from './arcee.ts'
import { cohere } from './cohere/cohere.ts'
import { cohere2 } from './cohere/cohere2.ts'
import { deepseekV2, deepseekV3, kimiK2 } from './deepseek.ts'
import { ernie } from './ernie.ts'
import { exaone4 } from './exaone4.ts'
import type { Family } from './family.ts'
import { gemma } from './gemma/gemma.ts'
import { gemma2 } from './gemma/gemma2.ts'
import { gemma3 } from './gemma/gemma3.ts'
import { glm, glm4 } from './glm/glm.ts'
import { gptOss } from './gpt-oss.ts'
import { granite } from './granite.ts'
import { hunyuan } from './hunyuan.ts'
import { lfm2 } from './lfm2.ts'
import { llama } from './llama.ts'
import { missingPart } from './missing-parts.ts'
import { ministral3, mistral } from './mistral.ts'
import { mixtral } from './mixtral.ts'
import { olmo2 } from './olmo/olmo2.ts'
import { olmo3 } from './olmo/olmo3.ts'
import { phi3 } from './phi3.ts'
import { qwen2 } from './qwen2.ts'
import { qwen2Moe } from './qwen2-moe.ts'
import { qwen3 } from './qwen3.ts'
import { qwen3Moe } from './qwen3-moe.ts'
import { seedOss } from './seed-oss.ts'
import { smollm3 } from './smollm3.ts'
import { starcoder2 } from './starcoder2.ts'

/** The families that can be run. A new one is a file of its own and a line here. */
const families: readonly Family[] = [
  arcee,
  cohere,
  cohere2,
  deepseekV2,
  deepseekV3,
  ernie,
  exaone4,
  gemma,
  gemma2,
  gemma3,
  glm,
  glm4,
  gptOss,
  granite,
  hunyuan,
  kimiK2,
  lfm2,
  llama,
  ministral3,
  mistral,
  mixtral,
  olmo2,
  olmo3,
  phi3,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  seedOss,
  smollm3,
  starcoder2,
]

export const familyNames: readonly string[] = families.map(({ name }) => name)

/**
 * @param what how the value is called where it came from: `model_type` in config.json
 * @throws {ModelError} `unsupported-model` with the names of the families that are supported
 */
export function familyNamed(name: unknown, what = 'model family'): Family {
  const family = families.find((one) => one.name === name)
  if (family === undefined) {
    if (name === undefined || name === null)
      throw new ModelError(
        'unsupported-model',
        `there is no ${what}, which says how the weights are used; these are supported: ${familyNames.join(', ')}`,
      )
    const need = missingPart(name)
    throw new ModelError(
      'unsupported-model',
      `${what} ${show(name)} is not supported${need === null ? '' : `: it needs ${need}`}; these are: ${familyNames.join(', ')}`,
    )
  }
  return family
}

/**
 * The family whose GGUF files name this architecture.
 * @param withExperts the file names experts: files of Mixtral name the architecture of Llama
 * @throws {ModelError} `unsupported-model` with the names of the architectures that are read
 */
export function familyOfArchitecture(architecture: string | null, withExperts: boolean): Family {
  const named = families.filter(({ gguf }) => gguf !== undefined && gguf.architecture === architecture)
  const family = named.find(({ expertsIn = false }) => expertsIn === withExperts)
  if (family !== undefined) return family
  if (named.length > 0)
    throw new ModelError(
      'unsupported-model',
      `GGUF files of the architecture ${show(architecture)} are read only ${withExperts ? 'without' : 'with'} experts`,
    )
  const known = new Set(families.flatMap(({ gguf }) => gguf?.architecture ?? []))
  throw new ModelError(
    'unsupported-model',
    `GGUF files of the architecture ${show(architecture)} are not supported; these are: ${[...known].join(', ')}`,
  )
}

/** The block of that index. @throws {ModelError} `unsupported-model` for an unknown family */
export function blockSpec(config: ModelConfig, index: number): BlockSpec {
  return familyNamed(config.family).block(config, index)
}

/** What makes logits of the rows behind the last block. The final norm is of the kind that the blocks have. */
export function headSpec(config: ModelConfig): HeadSpec {
  return {
    hiddenSize: config.hiddenSize,
    vocabularySize: config.vocabularySize,
    tiedEmbeddings: config.tiedEmbeddings,
    norm: blockSpec(config, 0).norm,
    normEpsilon: config.normEpsilon,
    logitScale: config.logitScale ?? 1,
    logitSoftCap: config.logitSoftCap ?? null,
  }
}

/** The blocks of a range, in order; all blocks of the model by default. */
export function blockSpecs(
  config: ModelConfig,
  { start, end }: BlockRange = { start: 0, end: config.blockCount },
): BlockSpec[] {
  const family = familyNamed(config.family)
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => family.block(config, start + index))
}
