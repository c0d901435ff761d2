import {
  buildManifest,
  identifyManifest,
  manifestVersion,
  parseProfile,
  type Manifest,
  type ModelSource,
} from '@shoal/model'

/** The topic of nodes with exactly this manifest. */
export const manifestTopic = (manifestId: string): string => `manifest/${manifestId}`

/**
 * The topic of all swarms of a model, in any weight format. It is made of name, configuration and tokenizer, so that a peer
 * can compute it from a model's small files; packing the model for its manifest takes minutes.
 */
export function modelTopic({ name, config, assets }: Pick<Manifest, 'name' | 'config' | 'assets'>): string {
  return `model/${identifyManifest({ version: manifestVersion, name, config, profile: parseProfile('f32'), assets, tensors: [] }).id}`
}

export function modelTopicOf(source: Pick<ModelSource, 'name' | 'config' | 'assets'>): string {
  return modelTopic(buildManifest(source, parseProfile('f32'), []))
}
