import type { ListResponse, ModelDetails, ShowResponse } from 'ollama'
import type { Engine } from '@shoal/swarm'
import { formatProfile } from '@shoal/model'
import { checkModel } from '../models.ts'

/** The version of Ollama whose requests are answered here: clients refuse to talk to versions before tools and thinking. */
export const ollamaVersion = '0.12.0'

/** Dates are texts on the way. */
type Sent<Value> = { [Key in keyof Value]: Value[Key] extends Date ? string : Value[Key] }
type ListedModel = Sent<ListResponse['models'][number]>

/** No file's date stands for a model that lies on many machines. */
const unknownDate = new Date(0).toISOString()

function details(engine: Engine): ModelDetails {
  const { config, profile } = engine.manifest.manifest
  return {
    parent_model: '',
    format: 'shoal',
    family: config.family,
    families: [config.family],
    parameter_size: '',
    quantization_level: formatProfile(profile),
  }
}

/** The model as `GET /api/tags` lists it. */
export function listedModel(engine: Engine): Omit<ListedModel, 'expires_at' | 'size_vram'> {
  const { name, tensors } = engine.manifest.manifest
  const tagged = name.includes(':') ? name : `${name}:latest`
  return {
    name: tagged,
    model: tagged,
    modified_at: unknownDate,
    size: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    digest: engine.manifest.id,
    details: details(engine),
  }
}

/** The model as `GET /api/ps` lists it: the swarm keeps it in memory until its nodes end. */
export function runningModel(engine: Engine): ListedModel {
  return { ...listedModel(engine), expires_at: '9999-12-31T23:59:59Z', size_vram: 0 }
}

/** @throws {ApiError} 404 for another model */
export function shownModel(
  engine: Engine,
  asked: string,
): Omit<Sent<ShowResponse>, 'model_info'> & { model_info: Record<string, unknown> } {
  checkModel(engine, asked)
  const { config } = engine.manifest.manifest
  const { family } = config
  const { temperature, topK, topP, repetitionPenalty } = engine.defaultSampling
  return {
    license: '',
    modelfile: '',
    parameters: `temperature ${temperature}\ntop_k ${topK}\ntop_p ${topP}\nrepeat_penalty ${repetitionPenalty}`,
    template: '',
    system: '',
    details: details(engine),
    messages: [],
    modified_at: unknownDate,
    capabilities: engine.tokenizer?.chat === true ? ['completion', 'tools', 'thinking'] : ['completion'],
    model_info: {
      'general.architecture': family,
      [`${family}.context_length`]: config.contextLength,
      [`${family}.embedding_length`]: config.hiddenSize,
      [`${family}.block_count`]: config.blockCount,
    },
  }
}
