/** What the operating system refused, as a sentence for the user who chose the folder. */
export interface SystemRefusal {
  readonly code: 'bad-request' | 'disk-full' | 'not-found'
  readonly sentence: string
}

const refusals: Readonly<Record<string, readonly [SystemRefusal['code'], string]>> = {
  EACCES: ['bad-request', 'may not be used by this user'],
  EPERM: ['bad-request', 'may not be used by this user'],
  EBUSY: ['bad-request', 'is in use by another program'],
  EROFS: ['bad-request', 'is on a file system that cannot be written'],
  ENOTDIR: ['bad-request', 'is not below a folder: a part of the path is a file'],
  EEXIST: ['bad-request', 'exists and is not a folder'],
  ENOENT: ['not-found', 'does not exist'],
  ENOSPC: ['disk-full', 'cannot grow: the disk is full'],
  EDQUOT: ['disk-full', "cannot grow: this user's share of the disk is used up"],
}

/** Null for an error that is not about a file: such an error is a bug, and its stack trace is wanted. */
export function systemRefusal(error: unknown): SystemRefusal | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null
  const path = 'path' in error && typeof error.path === 'string' ? error.path : null
  const refusal = refusals[error.code]
  if (refusal === undefined) return null
  const [code, words] = refusal
  // An error of a write to an open file names no path. For a full disk none is needed.
  if (path === null)
    return code === 'disk-full'
      ? { code, sentence: `the disk is full (${error.code}); ${wayOut(code)}` }
      : null
  return {
    code,
    sentence: `${path} ${words} (${error.code}); ${wayOut(code)} if it is the data directory`,
  }
}

const wayOut = (code: SystemRefusal['code']): string =>
  `${code === 'disk-full' ? 'free some room, or ' : ''}choose another folder with --data DIR or SHOAL_DATA`
