import { statfs } from 'node:fs/promises'
import { ModelError } from '../../error.ts'

/** Room left on the disk beside the packed units: the manifest, assets, and a log that must not fail. */
const spareDiskBytes = 64 << 20

/**
 * Asked before anything is written, because a disk that fills up in mid-download also stops everybody else on it.
 * @param what the work, for the message: `packing Llama as int4:32`
 * @throws {ModelError} `disk-full`
 */
export async function checkDiskRoom(folder: string, neededBytes: number, what: string): Promise<void> {
  if (neededBytes <= 0) return
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= neededBytes + spareDiskBytes) return
  throw new ModelError(
    'disk-full',
    `${what} needs ${gibibytes(neededBytes + spareDiskBytes)} in ${folder}, but only ${gibibytes(free)} are free`,
  )
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`
}
