import { encode, rfc8949EncodeOptions } from 'cborg'
import { isAssetName } from './assets.ts'
import { ModelError } from '../error.ts'
import { sha256Hex } from './hasher.ts'
import { limits } from '../limits.ts'
import { manifestVersion, type IdentifiedManifest, type Manifest, type ManifestTensor } from './manifest.ts'
import type { ModelSource } from '../sources/model-source.ts'
import type { NumericProfile } from '../packing/profile.ts'

/**
 * The manifest of a packed model: the tensors that `packTensors` gave for all units, with the source's config and assets.
 * @param source only its name, config and assets are used
 */
export function buildManifest(
  source: Pick<ModelSource, 'name' | 'config' | 'assets'>,
  profile: NumericProfile,
  tensors: readonly ManifestTensor[],
): Manifest {
  const assets = [...source.assets]
    .filter(([name]) => isAssetName(name))
    .map(([name, bytes]) => ({ name, bytes: bytes.byteLength, sha256: sha256Hex(bytes) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    version: manifestVersion,
    name: shortName(source.name),
    config: source.config,
    profile,
    assets,
    tensors,
  }
}

/**
 * Deterministic CBOR (RFC 8949, section 4.2: shortest forms, keys sorted bytewise) and its sha256.
 * The bytes follow from the values alone, so every peer derives the same id.
 */
export function identifyManifest(manifest: Manifest): IdentifiedManifest {
  const bytes = encode(manifest, rfc8949EncodeOptions)
  if (bytes.byteLength > limits.manifestBytesMax) {
    throw new ModelError(
      'limit-exceeded',
      `the manifest of ${manifest.name} has ${bytes.byteLength} bytes, more than ${limits.manifestBytesMax}`,
    )
  }
  return { id: sha256Hex(bytes), bytes, manifest }
}

/** The beginning of the name that fits into the limit of bytes, cut between characters. */
function shortName(name: string): string {
  const encoder = new TextEncoder()
  let short = ''
  let bytes = 0
  // Names are shown in terminals and logs: control characters and lone surrogates have no place in them.
  for (const character of name.replaceAll(/[\p{Cc}\p{Cs}]/gu, '')) {
    bytes += encoder.encode(character).byteLength
    if (bytes > limits.modelNameBytesMax) break
    short += character
  }
  return short === '' ? 'model' : short
}
