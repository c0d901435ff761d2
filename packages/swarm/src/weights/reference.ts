import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { demoDraftFolder, demoModelFolder } from '@shoal/demo-model'
import { ShoalError, silentLogger, type Logger } from '@shoal/host'
import { systemClock } from '@shoal/host/node'
import {
  openGguf,
  openModel,
  parseProfile,
  partNames,
  sha256Hex,
  usualWeights,
  type IdentifiedManifest,
  type ModelSource,
  type NumericProfile,
} from '@shoal/model'
import { isGgufName, openFolder, openGgufFile } from '@shoal/model/node'
import { createHubClient, type HubSettings } from './hub/hub-client.ts'
import { openHubFiles, parseHubReference, type HubReference } from './hub/hub-files.ts'

/**
 * A model that a user named: `demo`, `demo-draft`, a folder in Hugging Face layout, a GGUF file, or `org/name[@revision]` on a hub with
 * `:FILE.gguf` behind it for one of its GGUF files.
 */
export interface Reference {
  readonly ref: string
  readonly source: ModelSource
  /** Whether reading the model costs a download, so that peers are asked first. */
  readonly remote: boolean
  /** Changes whenever a file of the model changes: what a cached packing is found by. */
  readonly fingerprint: string
  /**
   * What `--weights` is when nobody says: f32 for the demo model; for a quantised GGUF file what keeps its values; `int4:128`
   * otherwise.
   */
  readonly defaultProfile: NumericProfile
}

export interface ReferenceOptions {
  /** Default: what the environment says ({@link hubOf}). */
  readonly hub?: HubSettings | undefined
  /** Told when a hub is busy or away and is asked again. */
  readonly logger?: Logger | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens what REF names; a folder of that name comes before a hub. The caller closes `source`.
 * @throws {ShoalError | ModelError} with the way out: what is not there, not supported, not readable
 */
export async function openReference(ref: string, options: ReferenceOptions = {}): Promise<Reference> {
  if (ref === 'demo') return openLocal(ref, demoModelFolder)
  if (ref === 'demo-draft') return openLocal(ref, demoDraftFolder)
  const named = parseHubReference(ref)
  if (named === null || (await exists(ref))) return isGgufName(ref) ? openFile(ref) : openLocal(ref, ref)
  try {
    return await openRemote(ref, named, options)
  } catch (error) {
    // A mistyped folder name looks like a hub id: the message says both.
    if (error instanceof ShoalError)
      throw new ShoalError(
        error.code,
        `there is no ${named.file === null ? 'folder' : 'file'} '${ref}'; on the hub: ${error.message}`,
        {
          cause: error,
        },
      )
    throw error
  }
}

/**
 * The model that comes with this program, where it is the one that the swarm serves: every node is then a source of its
 * weights. Peers are asked first, for theirs are packed already. The caller closes `source`.
 */
export async function embeddedReference({ manifest }: IdentifiedManifest): Promise<Reference | null> {
  if (manifest.name !== 'demo') return null
  const reference = await openReference('demo')
  const same = manifest.assets.every(({ name, sha256 }) => {
    const bytes = reference.source.assets.get(name)
    return bytes !== undefined && sha256Hex(bytes) === sha256
  })
  if (same) return { ...reference, remote: true }
  await reference.source.close()
  return null
}

/** `HF_ENDPOINT` and `HF_TOKEN`, as every tool of that hub reads them. */
export function hubOf(environment: Readonly<Record<string, string | undefined>>): HubSettings {
  const { HF_ENDPOINT: endpoint = '', HF_TOKEN: token = '' } = environment
  return {
    endpoint: endpoint === '' ? 'https://huggingface.co' : endpoint,
    token: token.trim() === '' ? null : token.trim(),
  }
}

async function openLocal(ref: string, folder: string): Promise<Reference> {
  const files = await openFolder(folder)
  const fingerprint = await fingerprintOf(folder, await files.list())
  const source = await openModel(files)
  return {
    ref,
    source: ref === 'demo' ? { ...source, name: 'demo' } : source,
    remote: false,
    fingerprint,
    defaultProfile: ref === 'demo' ? parseProfile('f32') : usualProfileOf(source),
  }
}

async function openFile(ref: string): Promise<Reference> {
  const { files, fileName } = await openGgufFile(ref)
  const source = await openGguf(files, fileName)
  try {
    const fingerprint = await fingerprintOf(dirname(ref), partNames(fileName))
    return { ref, source, remote: false, fingerprint, defaultProfile: usualProfileOf(source) }
  } catch (error) {
    await source.close()
    throw error
  }
}

function usualProfileOf({ preferredWeights }: ModelSource): NumericProfile {
  return parseProfile(preferredWeights ?? usualWeights)
}

async function openRemote(
  ref: string,
  named: HubReference,
  { hub = hubOf(process.env), logger = silentLogger, signal }: ReferenceOptions,
): Promise<Reference> {
  const client = createHubClient({ clock: systemClock, fetch: globalThis.fetch, logger }, hub)
  const { files, commit } = await openHubFiles(client, named, signal)
  const { file } = named
  const source = await (file === null ? openModel(files, signal) : openGguf(files, file, signal))
  // A commit has one content, wherever it comes from.
  const fingerprint = createHash('sha256')
    .update(JSON.stringify(file === null ? [named.id, commit] : [named.id, commit, file]))
    .digest('hex')
  return { ref, source, remote: true, fingerprint, defaultProfile: usualProfileOf(source) }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return false
    throw error
  }
}

async function fingerprintOf(folder: string, names: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const name of [...names].sort()) {
    const { size, mtimeMs } = await stat(join(folder, name))
    hash.update(JSON.stringify([name, size, mtimeMs]))
  }
  return hash.digest('hex')
}
