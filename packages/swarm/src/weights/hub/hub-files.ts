import { ShoalError } from '@shoal/host'
import type { ModelFiles, RangeReader } from '@shoal/model'
import type { HubClient } from './hub-client.ts'

/** A model on a hub. */
export interface HubReference {
  /** `org/name`. */
  readonly id: string
  /** Branch, tag or commit. */
  readonly revision: string
  /** One GGUF file of it; null for the model in Hugging Face layout. */
  readonly file: string | null
}

/** Top-level files and folders of one model; the largest have some 200 shards. */
const filesMax = 10_000

/** `org/name[@revision][:FILE.gguf]`; null when it is none. The file may be in a folder. */
export function parseHubReference(ref: string): HubReference | null {
  const match = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w][\w./-]*))?(?::([\w-][\w ./+-]*\.gguf))?$/i.exec(ref)
  const [, id, revision = 'main', file = null] = match ?? []
  return id === undefined || file?.includes('..') === true ? null : { id, revision, file }
}

/**
 * A model's files over a hub's HTTP ranges: nothing is read but what is asked for. The revision is resolved to a commit
 * first, so that all bytes are of one state of the model.
 *
 * @returns the files, and the commit they are of
 */
export async function openHubFiles(
  client: HubClient,
  { id, revision, file }: HubReference,
  signal?: AbortSignal,
): Promise<{ files: ModelFiles; commit: string }> {
  const what = revision === 'main' ? id : `${id}@${revision}`
  const info = await client.json(`api/models/${id}/revision/${encodeURIComponent(revision)}`, what, signal)
  const commit = fieldOf(info.value, 'sha')
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit))
    throw new ShoalError('bad-model', `the hub names no commit for ${what}`)
  const slash = file?.lastIndexOf('/') ?? -1
  const folder = file === null || slash < 0 ? '' : `/${pathOf(file.slice(0, slash))}`
  const sizes = await listFiles(client, `api/models/${id}/tree/${commit}${folder}`, what, signal)
  const reader = (name: string, size: number): RangeReader => ({
    size,
    read: (offset, length, ended) =>
      client.range(
        `${id}/resolve/${commit}/${pathOf(name)}`,
        offset,
        length,
        size,
        `${name} of ${what}`,
        ended,
      ),
  })
  return {
    commit,
    files: {
      // As the folder is called that people download it to: the name is part of the manifest's id.
      name: id.slice(id.indexOf('/') + 1),
      open: async (name) => {
        const size = sizes.get(name)
        return size === undefined ? null : reader(name, size)
      },
      list: async () => [...sizes.keys()],
      close: async () => undefined,
    },
  }
}

/** A path in a model's tree as part of a URL. */
function pathOf(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/')
}

async function listFiles(
  client: HubClient,
  firstPage: string,
  what: string,
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  let entries = 0
  for (let page: string | null = firstPage; page !== null;) {
    const { value, next }: { value: unknown; next: string | null } = await client.json(page, what, signal)
    if (!Array.isArray(value))
      throw new ShoalError('bad-model', `the hub's answer about the files of ${what} is not a list`)
    for (const entry of value as unknown[]) {
      const [type, path, size] = [fieldOf(entry, 'type'), fieldOf(entry, 'path'), fieldOf(entry, 'size')]
      if (type !== 'file') continue
      if (
        typeof path !== 'string' ||
        // A lone surrogate has no place in a URL.
        !path.isWellFormed() ||
        typeof size !== 'number' ||
        !Number.isSafeInteger(size) ||
        size < 0
      )
        throw new ShoalError(
          'bad-model',
          `the hub's list of the files of ${what} has an entry without a name or size`,
        )
      sizes.set(path, size)
    }
    // Entries and not names are counted: a list that leads back to its own first page has no end either.
    entries += value.length
    if (entries > filesMax || (value.length === 0 && next !== null))
      throw new ShoalError('limit-exceeded', `${what} has more than ${filesMax} files, or a list without end`)
    page = next
  }
  return sizes
}

function fieldOf(value: unknown, key: string): unknown {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}
