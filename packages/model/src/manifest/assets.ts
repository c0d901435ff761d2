/**
 * Files that travel with a model beside its weights. The list is fixed, because a manifest from an untrusted peer names files
 * that are written to disk. Sorted, as manifests list them.
 */
export const assetNames = [
  'chat_template.jinja',
  'generation_config.json',
  'merges.txt',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
] as const

export type AssetName = (typeof assetNames)[number]

export function isAssetName(name: unknown): name is AssetName {
  return typeof name === 'string' && (assetNames as readonly string[]).includes(name)
}
