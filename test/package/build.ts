/**
 * Makes the package `shoal` for users without a clone: `npm run package [FOLDER]` builds it and writes its tarball.
 *
 * The program and the SDK are bundled with all packages that they use, the native runtime included, so that an install
 * downloads nothing else and runs no script. Threads and child processes are entries of their own beside the program.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { rolldown, type Plugin } from 'rolldown'
import { bundleDataChannels, type BundledDataChannels } from './data-channels.ts'
import { writeTypes } from './types.ts'

/** Modules that the program starts as threads and processes, and their names in the package. */
const started = {
  'packages/grammar/src/matching/matcher-thread.ts': 'matcher-thread',
  'packages/group/src/lanes/rank-thread.ts': 'rank-thread',
  'packages/host/src/node/precise-clock-thread.ts': 'precise-clock-thread',
  'packages/runtime/src/onnx/host/thread.ts': 'compute-thread',
  'packages/runtime/src/onnx/host/process.ts': 'compute-process',
  'packages/runtime/src/calibration/thread.ts': 'calibration-thread',
  'packages/swarm/src/weights/tokenizer/tokenizer-thread.ts': 'tokenizer-thread',
  'packages/swarm/src/weights/apart/pack-process.ts': 'pack-process',
  'packages/runtime/src/onnx/engine/read-ahead-thread.ts': 'read-ahead-thread',
  'node/src/shape/links-worker.ts': 'links-worker',
  'node/src/main.ts': 'main',
} as const

/** Files that modules read, by what they name, and where the package has them, seen from `dist`. */
const files: Readonly<Record<string, string>> = {
  '../../package.json': '../package.json',
  '../browser/': './dashboard/',
  '../page/': './lend/',
  './model': './demo-model',
  './draft': './demo-draft',
}

/** For which platforms the package has the native runtime. */
export type Platforms = 'all' | 'this'

/**
 * Builds the package's folder.
 * @param root folder of the repository
 * @param folder is replaced
 * @param tell hears what is left out because it could not be fetched
 */
export async function buildPackage(
  root: string,
  folder: string,
  platforms: Platforms,
  tell: (line: string) => void,
): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  const dist = join(folder, 'dist')
  mkdirSync(dist, { recursive: true })
  const inputs = Object.entries(started).map(([path, name]) => [name, join(root, path)])
  const bundle = await rolldown({
    input: { ...Object.fromEntries(inputs), index: join(root, 'client', 'src', 'index.ts') },
    platform: 'node',
    // Only a checkout bundles the page for tabs when it is asked for.
    external: [/^onnxruntime-/, 'rolldown'],
    plugins: [placesInPackage(root)],
  })
  const { output } = await bundle.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name]-[hash].js',
  })
  await bundle.close()
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
  modules.push(
    ...(await bundlePage(join(root, 'node', 'src', 'dashboard', 'browser'), join(dist, 'dashboard'), [
      'main',
    ])),
    ...(await bundlePage(join(root, 'node', 'src', 'tabs', 'page'), join(dist, 'lend'), ['page', 'worker'])),
    ...copyWasm(root, join(dist, 'lend')),
  )
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), licences(modules))
  for (const part of ['model', 'draft'])
    cpSync(join(root, 'packages', 'demo-model', part), join(dist, files[`./${part}`]!), { recursive: true })
  for (const name of ['README.md', 'LICENSE']) cpSync(join(root, name), join(folder, name))
  mkdirSync(join(folder, 'bin'))
  const launcher = readFileSync(join(root, 'node', 'bin', 'shoal.js'), 'utf8')
  writeFileSync(join(folder, 'bin', 'shoal.js'), launcher.replace('../src/main.ts', '../dist/main.js'), {
    mode: 0o755,
  })
  writeTypes(root, join(dist, 'types'), 'client/src/index.ts')
  bundleRuntime(root, folder, platforms)
  const channels = bundleDataChannels(root, folder, platforms, tell)
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(packageJson(root, channels), null, 2)}\n`)
}

/** A page as small scripts beside its own files. @returns ids of its modules */
async function bundlePage(from: string, to: string, scripts: readonly string[]): Promise<string[]> {
  const modules: string[] = []
  // One bundle for each script: none loads a part of another.
  for (const name of scripts) {
    const bundle = await rolldown({ input: { [name]: join(from, `${name}.ts`) }, platform: 'browser' })
    const { output } = await bundle.write({
      dir: to,
      format: 'esm',
      entryFileNames: '[name].js',
      minify: true,
    })
    await bundle.close()
    modules.push(...output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : [])))
  }
  const own = readdirSync(from).filter((name) => /\.(html|css)$/.test(name))
  for (const name of own) cpSync(join(from, name), join(to, name))
  return modules
}

/** Of onnxruntime-web, whose package has 138 MB, the two files that a tab needs. @returns their paths */
function copyWasm(root: string, to: string): string[] {
  const from = join(root, 'node_modules', 'onnxruntime-web', 'dist')
  return (['mjs', 'wasm'] as const).map((kind) => {
    const path = join(from, `ort-wasm-simd-threaded.${kind}`)
    cpSync(path, join(to, `onnxruntime.${kind}`))
    return path
  })
}

function packageJson(root: string, channels: BundledDataChannels | null): object {
  const read = (path: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Record<string, unknown>
  const { name, version, description, license, type, engines, bin } = read('node')
  return {
    name,
    version,
    description,
    license,
    type,
    engines,
    bin,
    exports: { '.': { types: './dist/types/client/src/index.d.ts', default: './dist/index.js' } },
    files: ['bin', 'dist', 'THIRD-PARTY-LICENSES.txt'],
    dependencies: nativeDependencies(root),
    optionalDependencies: channels?.optionalDependencies ?? {},
    bundleDependencies: [...Object.keys(nativeDependencies(root)), ...(channels?.bundled ?? [])],
  }
}

/** The native runtime and its versions: what the package cannot do without. */
function nativeDependencies(root: string): Record<string, string> {
  const { dependencies } = JSON.parse(
    readFileSync(join(root, 'packages', 'runtime', 'package.json'), 'utf8'),
  ) as { dependencies: Record<string, string> }
  return Object.fromEntries(
    Object.entries(dependencies).filter(([name]) => /^onnxruntime-(?:node|common)$/.test(name)),
  )
}

/**
 * Puts the native runtime into the package. Installed by npm, it would run a script that downloads CUDA libraries, which
 * Shoal does not use, and the install fails where that download does. Its own tarball has the same files for all platforms.
 */
function bundleRuntime(root: string, folder: string, platforms: Platforms): void {
  for (const name of Object.keys(nativeDependencies(root))) {
    const [from, to] = [join(root, 'node_modules', name), join(folder, 'node_modules', name)]
    const other = (path: string): boolean => {
      const [, platform, arch] = /napi-v\d+[\\/](\w+)[\\/](\w+)/.exec(relative(from, path)) ?? []
      return platforms === 'this' && arch !== undefined && `${platform}-${arch}` !== thisPlatform
    }
    const unused = (path: string): boolean => relative(from, path).split(sep)[0] === 'script' || other(path)
    cpSync(from, to, { recursive: true, filter: (path) => !unused(path) })
    const {
      scripts: _,
      devDependencies: __,
      dependencies,
      ...rest
    } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Record<string, unknown> & {
      dependencies?: Record<string, string>
    }
    const kept = Object.entries(dependencies ?? {}).filter(([each]) => each.startsWith('onnxruntime-'))
    const manifest = { ...rest, dependencies: Object.fromEntries(kept) }
    writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  }
}

const thisPlatform = `${process.platform}-${process.arch}`

/** Points what modules find by their own address to its place in the package. All chunks count as lying in `dist`. */
function placesInPackage(root: string): Plugin {
  return {
    name: 'places-in-package',
    transform(code, id) {
      if (!id.startsWith(root) || id.includes('node_modules') || !code.includes('import.meta.url'))
        return null
      return code.replaceAll(
        /new URL\((['"`])([^'"`]+)\1,\s*import\.meta\.url\)/g,
        (_all, _quote, path: string) => placeOf(root, id, path),
      )
    },
    // Shared chunks lie one folder below the entries.
    renderChunk(code, chunk) {
      return code.replaceAll('import.meta.SHOAL_DIST', chunk.fileName.includes('/') ? "'../'" : "'./'")
    },
  }
}

function placeOf(root: string, id: string, path: string): string {
  const target = relative(root, resolve(dirname(id), path))
  const name = Object.entries(started).find(([source]) => source === target)?.[1]
  const place =
    name !== undefined ? `./${name}.js` : path.includes('/sim/src/') ? './no-workspace-sim' : files[path]
  if (place === undefined) throw new Error(`${id} reads ${path}, for which the package has no place`)
  return `new URL(import.meta.SHOAL_DIST + ${JSON.stringify(place)}, import.meta.url)`
}

/** The licence texts of the packages whose code is in the bundle. */
export function licences(modules: readonly string[]): string {
  const folders = modules.flatMap((id) => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? [])
  return [...new Set(folders)]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(join(folder, 'package.json'), 'utf8'),
      ) as Record<string, unknown>
      const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
      const words = texts.map((file) => readFileSync(join(folder, file), 'utf8').trim())
      return `${'='.repeat(80)}\n${String(name)} ${String(version)} (${String(license)})\n\n${words.join('\n\n')}\n`
    })
    .join('\n')
}
