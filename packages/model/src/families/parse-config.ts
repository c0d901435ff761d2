import type { ModelConfig } from '../config/model-config.ts'
import { asObject, fieldOf } from '../json-fields.ts'
import { checkConfig } from './check-config.ts'
import { languageModelOf } from './language-model.ts'
import { familyNamed } from './registry.ts'

/**
 * Reads a Hugging Face config.json (already parsed as JSON) into our vocabulary, as its family reads it.
 *
 * @param generationConfigJson generation_config.json; its end tokens are added to those of config.json
 * @throws {ModelError} `unsupported-model`, with the name of the key, for what cannot be run; `bad-model` for values that
 *   are missing or contradict each other
 */
export function parseConfig(configJson: unknown, generationConfigJson: unknown = null): ModelConfig {
  const json = languageModelOf(asObject(configJson, 'config.json'))
  const generation =
    generationConfigJson === null ? {} : asObject(generationConfigJson, 'generation_config.json')
  const family = familyNamed(fieldOf(json, 'model_type'), 'model_type')
  return checkConfig(family.parse(json, generation))
}
