import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@shoal/host'
import { isEarlierManifest } from '@shoal/model'

export interface EarlierPackings {
  /** The folder of all packed models. */
  readonly models: string
  /** How the names of this model's `.id` files begin: name and fingerprint. */
  readonly model: string
  /** As the user named it, for the sentence. */
  readonly ref: string
  readonly logger: Logger
}

/**
 * Removes packed forms of a model that an earlier release made: this one cannot read them, and packs the model again. Those
 * of a later release stay.
 */
export async function removeEarlierPackings({ models, model, ref, logger }: EarlierPackings): Promise<void> {
  const names = await readdir(models)
  for (const name of names.filter((one) => one.startsWith(`${model}.`) && one.endsWith('.id'))) {
    const id = (await readFile(join(models, name), 'utf8')).trim()
    if (!/^[0-9a-f]{64}$/.test(id)) continue
    const folder = join(models, id)
    const manifest = await readFile(join(folder, 'manifest.cbor')).catch(() => null)
    if (manifest === null || !isEarlierManifest(new Uint8Array(manifest))) continue
    await rm(folder, { recursive: true, force: true })
    await rm(join(models, name), { force: true })
    const format = name
      .slice(model.length + 1, -'.id'.length)
      .replace(/^v\d+\./, '')
      .replaceAll('-', ':')
    logger.warn('packed-by-earlier-release', {
      folder,
      reason: `an earlier release packed ${ref} as ${format}, which this one cannot read: the folder is removed, and the model is packed again`,
    })
  }
}
