import { buildManifest, identifyManifest, parseProfile, type Manifest, type ModelSource } from '@shoal/model'

/** Under which nodes of exactly this manifest are entered. */
export const manifestTopic = (manifestId: string): string => `manifest/${manifestId}`

/**
 * Under which all swarms of a model are entered, whatever their weights' format: the same name, configuration and
 * tokenizer. A peer that has only a model's small files can name it; packing the model for its manifest takes minutes.
 */
export function modelTopic({ name, config, assets }: Pick<Manifest, 'name' | 'config' | 'assets'>): string {
  return `model/${identifyManifest({ version: 1, name, config, profile: parseProfile('f32'), assets, tensors: [] }).id}`
}

export function modelTopicOf(source: Pick<ModelSource, 'name' | 'config' | 'assets'>): string {
  return modelTopic(buildManifest(source, parseProfile('f32'), []))
}
