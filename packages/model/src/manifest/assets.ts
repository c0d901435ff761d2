/**
 * Files that travel with a model beside its weights. A fixed list: a manifest from a stranger names files that are
 * written to disk, and must not be able to name any other. Sorted, as manifests list them.
 */
export const assetNames = [
  'chat_template.jinja',
  'generation_config.json',
  'merges.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
] as const

export type AssetName = (typeof assetNames)[number]

export function isAssetName(name: unknown): name is AssetName {
  return typeof name === 'string' && (assetNames as readonly string[]).includes(name)
}
