/** `npm run package [FOLDER]`: makes the tarballs of `shoal` and `@shoal/client` there (default: dist). */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildClient } from './build-client.ts'
import { buildPackage, type Platforms } from './build.ts'
import { writeTarball } from './tarball.ts'

/** @returns the path of the tarball */
export async function packShoal(
  root: string,
  folder: string,
  options: { platforms: Platforms; level: number; tell: (line: string) => void },
): Promise<string> {
  const { platforms, level, tell } = options
  return packed(folder, level, (built) => buildPackage(root, built, platforms, tell))
}

/** @returns the path of the tarball */
export const packClient = (root: string, folder: string): Promise<string> =>
  packed(folder, 9, (built) => buildClient(root, built))

async function packed(
  folder: string,
  level: number,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const built = mkdtempSync(join(tmpdir(), 'shoal-package-'))
  try {
    mkdirSync(folder, { recursive: true })
    await build(built)
    const { name, version } = JSON.parse(readFileSync(join(built, 'package.json'), 'utf8')) as {
      name: string
      version: string
    }
    const path = join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
    writeTarball(built, path, level)
    return path
  } finally {
    rmSync(built, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const folder = resolve(process.argv[2] ?? 'dist')
  const tell = (line: string): void => void process.stderr.write(`${line}\n`)
  const shoal = await packShoal(root, folder, { platforms: 'all', level: 9, tell })
  for (const path of [shoal, await packClient(root, folder)]) {
    process.stdout.write(`${path}\n`)
    tell(`${(statSync(path).size / 1e6).toFixed(2)} MB`)
  }
}
