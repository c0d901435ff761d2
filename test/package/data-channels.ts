/**
 * Puts node-datachannel, which opens connections through routers, into the package. It is optional there: where no binary
 * of it fits, the install goes on without it, members stay connected through relays, and `shoal doctor` says so.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { extract } from 'tar'

const library = 'node-datachannel'
/** What the module for Node needs beside its binary. */
const beside = 'detect-libc'

/** What the package's own `package.json` says of the library. */
export interface BundledDataChannels {
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly bundled: readonly string[]
}

interface Manifest {
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * Copies the library and its binaries to `folder`. Those of other platforms than this one are fetched from the registry,
 * and compared with the lock file. A binary that cannot be fetched stays an optional dependency of the library, which an
 * install that has a network looks for.
 * @param tell hears which binaries are missing
 * @returns null in a checkout where the library is not installed
 */
export function bundleDataChannels(
  root: string,
  folder: string,
  platforms: 'all' | 'this',
  tell: (line: string) => void,
): BundledDataChannels | null {
  const from = join(root, 'node_modules', library)
  if (!existsSync(from)) {
    tell(`${library} is not installed here, so the package cannot connect through routers`)
    return null
  }
  const modules = join(folder, 'node_modules')
  const manifest = readManifest(from)
  const names = Object.keys(manifest.optionalDependencies ?? {})
  const kept = names.filter((name) => {
    if (copyBinary(join(root, 'node_modules', name), join(modules, name))) return true
    return platforms === 'all' && fetchBinary(root, name, join(modules, name), tell)
  })
  const wanted = platforms === 'all' ? names : kept
  copyModule(from, join(modules, library), {
    ...manifest,
    optionalDependencies: Object.fromEntries(wanted.map((name) => [name, manifest.version])),
  })
  const libc = join(root, 'node_modules', beside)
  copyModule(libc, join(modules, beside), readManifest(libc))
  return { optionalDependencies: { [library]: manifest.version }, bundled: [library, beside, ...kept] }
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

/** Without sources, types, maps and the module for older loaders. */
const unused = /^(?:src|dist[\\/](?:cjs|types)|dist[\\/]esm[\\/]polyfill)(?:[\\/]|$)|\.map$/

function copyModule(from: string, to: string, manifest: object): void {
  cpSync(from, to, { recursive: true, filter: (path) => !unused.test(relative(from, path)) })
  writeManifest(to, manifest)
}

/** Without what only the developers of a package run: an install runs none of it. */
function writeManifest(to: string, manifest: object): void {
  const { scripts: _, devDependencies: __, ...rest } = manifest as Record<string, unknown>
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(rest, null, 2)}\n`)
}

/**
 * Copies the package of one platform's binary. Its platform is left out of its manifest: npm would take a bundled package
 * of another platform for a mistake.
 * @returns whether it was there
 */
function copyBinary(from: string, to: string): boolean {
  if (!existsSync(from)) return false
  cpSync(from, to, { recursive: true })
  const { os: _, cpu: __, libc: ___, ...manifest } = readManifest(from) as Manifest & Record<string, unknown>
  writeManifest(to, manifest)
  return true
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>
}

/** @returns whether it could be fetched */
function fetchBinary(root: string, name: string, to: string, tell: (line: string) => void): boolean {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const locked = packages[`node_modules/${name}`]
  const folder = mkdtempSync(join(tmpdir(), 'shoal-binary-'))
  try {
    if (locked === undefined) throw new Error('the lock file does not name it')
    const words = ['pack', `${name}@${locked.version}`, '--json', '--pack-destination', folder]
    const said = execFileSync('npm', words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      shell: process.platform === 'win32',
      timeout: 120_000,
    })
    const [packed] = JSON.parse(said) as { filename: string; integrity: string }[]
    if (packed?.integrity !== locked.integrity) throw new Error('its hash is not that of the lock file')
    extract({ file: join(folder, packed.filename), cwd: folder, sync: true, strict: true })
    return copyBinary(join(folder, 'package'), to)
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split('\n')[0]
    tell(`${name} is not in the package, and is fetched where it is installed: ${why}`)
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
