import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { demoModelFolder } from '@shoal/demo-model'
import { openModel, parseProfile, type ModelSource, type NumericProfile } from '@shoal/model'
import { openFolder } from '@shoal/model/node'
import { ShoalError } from '@shoal/host'

/** A model that a user named: `demo`, or a folder in Hugging Face layout. */
export interface Reference {
  readonly ref: string
  readonly source: ModelSource
  /** Changes whenever a file of the model changes: what a cached packing is found by. */
  readonly fingerprint: string
  /** What `--weights` is when nobody says: f32 for the demo model, int4 in blocks of 32 otherwise. */
  readonly defaultProfile: NumericProfile
}

/** `org/name[@revision]` on a hub. */
const hubId = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/

/**
 * Opens what REF names. The caller closes `source`.
 * @throws {ShoalError | ModelError} with the way out: what is not there, not supported, not readable
 */
export async function openReference(ref: string): Promise<Reference> {
  const folder = ref === 'demo' ? demoModelFolder : ref
  if (ref !== 'demo' && hubId.test(ref) && !(await exists(ref))) {
    throw new ShoalError('unsupported-model', `there is no folder '${ref}', and fetching '${ref}' from a hub is not supported yet: download it and give the folder`)
  }
  const files = await openFolder(folder)
  const fingerprint = await fingerprintOf(folder, await files.list())
  const source = await openModel(files)
  return {
    ref,
    source: ref === 'demo' ? { ...source, name: 'demo' } : source,
    fingerprint,
    defaultProfile: parseProfile(ref === 'demo' ? 'f32' : 'int4:32'),
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
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
