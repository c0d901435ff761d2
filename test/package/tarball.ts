import { readdirSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { create } from 'tar'

/** Time of change of all files, as `npm pack` gives it (1985-10-26), so that the same folder gives the same tarball. */
const changed = new Date(499_162_500_000)

/**
 * Writes a folder as a tarball that npm installs. `npm pack` would compress the native runtime with the most effort, which
 * takes ten seconds of processor time.
 * @param level of gzip: 9 for users, 1 where the tarball is read once
 */
export function writeTarball(folder: string, path: string, level: number): void {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => name.split(sep).join('/'))
    .toSorted()
  create(
    {
      cwd: folder,
      file: path,
      gzip: { level },
      mtime: changed,
      portable: true,
      prefix: 'package',
      sync: true,
    },
    names,
  )
}
