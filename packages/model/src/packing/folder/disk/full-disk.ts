import { ModelError } from '../../../error.ts'

/** The disk has no room, or this user's share of it is used up. */
const full: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT'])

/** What only this machine is to blame for, beside a full disk: too many open files, a disk that fails or is read-only. */
const ownFaults: ReadonlySet<unknown> = new Set([
  ...full,
  'EMFILE',
  'ENFILE',
  'EIO',
  'EROFS',
  'EACCES',
  'EPERM',
])

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

/**
 * Does work on files.
 * @param path of the file that grows, where the work has one
 * @throws {ModelError} `disk-full` in place of what the operating system says then
 */
export async function tellFullDisk<Result>(work: () => Promise<Result>, path?: string): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (!full.has(codeOf(cause))) throw cause
    throw new ModelError(
      'disk-full',
      `${path === undefined ? '' : `${path} cannot be written: `}the disk is full (${String(codeOf(cause))})`,
      { cause },
    )
  }
}

/** Whether this machine's own disk or its limits have failed, so that no other peer is to blame or can help. */
export function isOwnDiskFault(error: unknown): boolean {
  return error instanceof ModelError ? error.code === 'disk-full' : ownFaults.has(codeOf(error))
}
