import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

/**
 * Writes the declarations of an entry and of all that it names. Imports of workspaces become paths, since a user has no
 * workspaces. Types of bundled packages, which only the inside of Shoal uses, become `any`.
 * @param entry path of its source, seen from the root
 * @returns the path of its declaration, seen from `folder`
 */
export function writeTypes(root: string, folder: string, entry: string): string {
  const paths = workspacePaths(root)
  const project = join(folder, 'tsconfig.json')
  mkdirSync(folder, { recursive: true })
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    // The repository's own check of types has read all of it already.
    noCheck: true,
    rootDir: root,
    outDir: folder,
    // Found through node_modules, workspaces would count as packages from outside, for which nothing is written.
    paths,
    typeRoots: [join(root, 'node_modules', '@types')],
  }
  const settings = { extends: join(root, 'tsconfig.json'), compilerOptions, include: [] }
  writeFileSync(project, JSON.stringify({ ...settings, files: [join(root, entry)] }))
  const compiled = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project],
    { cwd: root, encoding: 'utf8' },
  )
  if (compiled.status !== 0) throw new Error(`tsc: ${compiled.stdout}${compiled.stderr}`)
  rmSync(project)
  for (const path of filesBelow(folder)) {
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, withPaths(text, path, { root, folder, paths }))
  }
  const declaration = entry.replace(/\.ts$/, '.d.ts')
  const named = namedBy(join(folder, declaration), new Set())
  for (const path of filesBelow(folder)) if (!named.has(path)) rmSync(path)
  return declaration
}

/** A declaration and all that it names, directly or not; the compiler writes one for each module that is loaded. */
function namedBy(path: string, known: Set<string>): Set<string> {
  if (known.has(path)) return known
  known.add(path)
  for (const [, target] of readFileSync(path, 'utf8').matchAll(/['"](\.{1,2}\/[^'"]+)\.js['"]/g))
    namedBy(join(dirname(path), `${target}.d.ts`), known)
  return known
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith('.d.ts') && statSync(path).isFile())

/** Every name by which a workspace can be imported, and its source. */
function workspacePaths(root: string): Record<string, string[]> {
  const homes = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))
  return Object.fromEntries(
    homes.flatMap((home) => {
      const { name, exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
        name: string
        exports: Record<string, string>
      }
      return Object.entries(exports)
        .filter(([, source]) => source.endsWith('.ts'))
        .map(([part, source]) => [join(name, part), [join(home, source)]])
    }),
  )
}

/** @param paths of the workspaces' sources, which are below `root` */
function withPaths(
  text: string,
  path: string,
  places: { root: string; folder: string; paths: Record<string, string[]> },
): string {
  return text
    .replaceAll(/(['"])(@shoal\/[a-z\-/]+)\1/g, (_all, quote: string, name: string) => {
      const source = places.paths[name]?.[0]
      if (source === undefined) throw new Error(`${path} names ${name}, which is no workspace`)
      const target = relative(dirname(path), join(places.folder, relative(places.root, source)))
      const posix = target.split(sep).join('/')
      return `${quote}${posix.startsWith('.') ? posix : `./${posix}`}${quote}`
    })
    .replaceAll(/(['"])(\.{1,2}\/[^'"]+)\.ts\1/g, '$1$2.js$1')
    .replaceAll(
      /^import (?:type )?\{([^}]+)\} from '(?!\.|node:|onnxruntime|@ai-sdk\/)[^']+';$/gm,
      (_all, names: string) => names.split(',').map(asAny).join('\n'),
    )
}

/** `A as B` of an import to a type of that name, which may be given arguments. */
function asAny(imported: string): string {
  const name = imported
    .replace(/^\s*type\s/, '')
    .split(' as ')
    .at(-1)
    ?.trim()
  return `type ${name} <_First = any, _Second = any> = any;`
}
