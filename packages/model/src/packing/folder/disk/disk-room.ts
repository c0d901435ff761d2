import { statfs } from 'node:fs/promises'
import { ModelError } from '../../../error.ts'

/** Room that must remain beside the packed units: for the manifest, for assets, and for a log that must not fail. */
const spareDiskBytes = 64 << 20

/**
 * Checks the disk before anything is written, because a disk that fills up during a download also stops the other programs
 * that use it.
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
