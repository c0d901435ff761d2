import { chmodSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { silentLogger, type Logger } from '../logger.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { makeFolder } from './make-folder.ts'

/** Read and write for the owner, nothing for all others. */
const privateMode = 0o600

/**
 * Reads a private key; when there is none, makes it with `create` and writes it with mode 0600. When other users may read
 * the file, its mode is corrected and a warning logged: the key may have been copied already. (Windows has no such modes;
 * there the access list of the user's profile protects the file.)
 */
export async function loadOrCreateKey(
  path: string,
  create: () => Uint8Array | Promise<Uint8Array>,
  logger: Logger = silentLogger,
): Promise<Uint8Array> {
  try {
    const mode = statSync(path).mode & 0o777
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      chmodSync(path, privateMode)
      logger.warn('key-exposed', {
        path,
        mode: mode.toString(8),
        now: privateMode.toString(8),
        advice: 'remove it to get a new identity',
      })
    }
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const key = await create()
  makeFolder(dirname(path))
  writeFileAtomically(path, key, privateMode)
  return key
}
