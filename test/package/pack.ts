/** `npm run package [FOLDER]`: makes the tarball of the package `shoal` there (default: dist). */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPackage, type Platforms } from './build.ts'

/** @returns the path of the tarball */
export async function packShoal(root: string, folder: string, platforms: Platforms): Promise<string> {
  const built = mkdtempSync(join(tmpdir(), 'shoal-package-'))
  try {
    mkdirSync(folder, { recursive: true })
    await buildPackage(root, built, platforms)
    const name = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
      cwd: built,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    return join(folder, name.trim().split('\n').at(-1) ?? '')
  } finally {
    rmSync(built, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  process.stdout.write(`${await packShoal(root, resolve(process.argv[2] ?? 'dist'), 'all')}\n`)
}
