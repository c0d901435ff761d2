import { decode } from 'cborg'
import { isAssetName } from './assets.ts'
import { checkConfig } from '../families/check-config.ts'
import { ModelError } from '../error.ts'
import { identifyManifest } from './identify-manifest.ts'
import { asObject, checkInteger, fieldOf, show } from '../json-fields.ts'
import { limits } from '../limits.ts'
import {
  manifestVersion,
  type IdentifiedManifest,
  type ManifestAsset,
  type ManifestTensor,
} from './manifest.ts'
import type { ModelConfig } from '../config/model-config.ts'
import { packedTensors } from '../packing/packed-layout.ts'
import { checkMatrices } from '../packing/profile-of-blocks.ts'
import { checkProfile } from './check-profile.ts'
import type { NumericProfile } from '../packing/profile.ts'

/**
 * Reads a manifest from an untrusted peer. Names, shapes and offsets must be those that config and profile imply, so that
 * none can point outside a unit's file; and the bytes must be the canonical ones, so that a manifest has exactly one id.
 *
 * @throws {ModelError} `bad-model`, `unsupported-model` (a family or form of a later version) or `limit-exceeded`
 */
export function decodeManifest(bytes: Uint8Array): IdentifiedManifest {
  if (bytes.byteLength > limits.manifestBytesMax) {
    throw new ModelError(
      'limit-exceeded',
      `a manifest of ${bytes.byteLength} bytes exceeds the ${limits.manifestBytesMax} allowed`,
    )
  }
  const object = asObject(decodeCbor(bytes), 'the manifest')
  const version = fieldOf(object, 'version')
  if (version !== manifestVersion)
    throw new ModelError(
      'unsupported-model',
      `manifest version ${show(version)} is not supported, only ${manifestVersion}: another release of this program made it`,
    )
  const name = fieldOf(object, 'name')
  if (
    typeof name !== 'string' ||
    name === '' ||
    new TextEncoder().encode(name).byteLength > limits.modelNameBytesMax ||
    /[\p{Cc}\p{Cs}]/u.test(name)
  ) {
    throw new ModelError(
      'bad-model',
      `the manifest's name must be text of 1 to ${limits.modelNameBytesMax} bytes, not ${show(name)}`,
    )
  }
  const config = checkConfig(fieldOf(object, 'config'))
  const profile = checkProfile(fieldOf(object, 'profile'))
  checkMatrices(config, profile)
  const assets = checkAssets(fieldOf(object, 'assets'))
  const tensors = checkTensors(fieldOf(object, 'tensors'), config, profile)
  const identified = identifyManifest({ version, name, config, profile, assets, tensors })
  if (!sameBytes(identified.bytes, bytes)) {
    throw new ModelError(
      'bad-model',
      'the manifest is not in canonical form, or has fields that this version does not know',
    )
  }
  return identified
}

/** Whether an earlier release made this manifest: its model has to be packed again. */
export function isEarlierManifest(bytes: Uint8Array): boolean {
  try {
    const version = fieldOf(asObject(decodeCbor(bytes), 'the manifest'), 'version')
    return typeof version === 'number' && version < manifestVersion
  } catch {
    return false
  }
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, {
      strict: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
    })
  } catch (cause) {
    throw new ModelError(
      'bad-model',
      `the manifest is not valid CBOR: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

function checkAssets(value: unknown): ManifestAsset[] {
  const assets = checkList(value, 'assets').map((item) => {
    const object = asObject(item, 'an asset')
    const name = fieldOf(object, 'name')
    if (!isAssetName(name))
      throw new ModelError('bad-model', `${show(name)} is not a file that travels with a model`)
    return {
      name,
      bytes: checkInteger(fieldOf(object, 'bytes'), `size of ${name}`, 0, limits.assetBytesMax),
      sha256: checkHash(fieldOf(object, 'sha256'), name),
    }
  })
  if (assets.some((asset, index) => index > 0 && (assets[index - 1]?.name ?? '') >= asset.name)) {
    throw new ModelError('bad-model', 'the manifest lists an asset twice, or not in order')
  }
  return assets
}

function checkTensors(value: unknown, config: ModelConfig, profile: NumericProfile): ManifestTensor[] {
  const list = checkList(value, 'tensors')
  const layout = packedTensors(config, profile)
  if (list.length !== layout.length) {
    throw new ModelError(
      'bad-model',
      `the manifest lists ${list.length} tensors, but its config has ${layout.length}`,
    )
  }
  return layout.map(({ name, type, shape, offset, bytes }, index) => {
    const object = asObject(list[index], `tensor ${index}`)
    const expected = { name, type, shape, offset, bytes }
    for (const [key, wanted] of Object.entries(expected)) {
      const found = fieldOf(object, key)
      const same =
        key === 'shape'
          ? Array.isArray(found) &&
            found.length === shape.length &&
            shape.every((size, axis) => found[axis] === size)
          : found === wanted
      if (!same)
        throw new ModelError(
          'bad-model',
          `tensor ${index} of the manifest has ${key} ${show(found)}, but its config implies ${show(wanted)}`,
        )
    }
    return { ...expected, sha256: checkHash(fieldOf(object, 'sha256'), name) }
  })
}

function checkList(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new ModelError('bad-model', `the manifest's ${what} are not a list`)
  return value as unknown[]
}

function checkHash(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value))
    throw new ModelError('bad-model', `the hash of ${what} is not 64 hex digits: ${show(value)}`)
  return value
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index])
}
