import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Folders with generated files. */
const skipped = new Set(['node_modules', '.git', 'dist', 'coverage', '.vite'])

/** A file of the repository; `path` is relative to the root, with forward slashes on every platform. */
export interface SourceFile {
  readonly path: string
  /** Workspace it belongs to (`packages/model`, `node`), or the empty text at the root. */
  readonly workspace: string
  readonly bytes: number
}

/** A TypeScript or JavaScript file, read and parsed. */
export interface CodeFile extends SourceFile {
  readonly text: string
  /** The text with comments replaced by blanks; line numbers stay. */
  readonly code: string
  readonly imports: readonly Import[]
  /** Runs in tests only: tests, what they share, conformance suites. */
  readonly test: boolean
}

export interface Import {
  readonly specifier: string
  /** `import type …`: gone at run time. */
  readonly typeOnly: boolean
}

export function listFiles(folder = root): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return []
    const full = join(folder, entry.name)
    if (entry.isDirectory()) return listFiles(full)
    if (!entry.isFile()) return []
    const path = relative(root, full).split(sep).join('/')
    return [{ path, workspace: workspaceOf(path), bytes: statSync(full).size }]
  })
}

export function workspaceOf(path: string): string {
  const [first = '', second = ''] = path.split('/')
  if (first === 'packages') return `${first}/${second}`
  return ['node', 'client', 'sim', 'test'].includes(first) ? first : ''
}

export function readCode(file: SourceFile): CodeFile {
  const text = readFileSync(join(root, file.path), 'utf8')
  const code = blankComments(text)
  return {
    ...file,
    text,
    code,
    imports: importsOf(code),
    test: /\.test\.ts$|^test\/|\/(testing|conformance)(\/|\.ts$)/.test(file.path),
  }
}

/** Good enough for formatted code: `//` after a colon is an address, and strings hold no comment openers here. */
function blankComments(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
}

export function importsOf(code: string): Import[] {
  const found: Import[] = []
  for (const match of code.matchAll(
    /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{][^'";=()]*?from\s+)?['"]([^'"]+)['"]/gm,
  )) {
    found.push({ specifier: match[2] ?? '', typeOnly: match[1] !== undefined })
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g))
    found.push({ specifier: match[1] ?? '', typeOnly: false })
  return found
}

/** `@scope/name/path` and `name/path` to the package's name; null for relative and built-in modules. */
export function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return null
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

export interface PackageManifest {
  readonly name: string
  /** `.` or `./name` → file, relative to the workspace. */
  readonly exports?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export function readManifest(workspace: string): PackageManifest {
  return JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8')) as PackageManifest
}

/** The rungs of the ladder drawn in ARCHITECTURE.md: workspace → height. */
export function readLadder(workspaces: readonly string[]): Map<string, number> {
  const ladder = new Map<string, number>()
  for (const match of readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(/^ {2}(\d) +(\S.*)$/gm)) {
    // Names come first in a line of the picture; the words behind them describe the packages.
    for (const word of (match[2] ?? '').split(/[\s·─┐]+/)) {
      const workspace = workspaces.find((name) => name === word || name === `packages/${word}`)
      if (workspace === undefined) break
      ladder.set(workspace, Number(match[1]))
    }
  }
  return ladder
}

/** File-level import cycles, each once, as the paths around it. Type imports leave nothing behind and do not count. */
export function findCycles(files: readonly CodeFile[]): string[][] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[][] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const file = byPath.get(path)
    if (file === undefined || state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path])
      return
    }
    state.set(path, 'open')
    for (const { specifier, typeOnly } of file.imports) {
      if (!typeOnly && specifier.startsWith('.'))
        visit(join(path, '..', specifier).split(sep).join('/'), [...trail, path])
    }
    state.set(path, 'done')
  }
  for (const file of files) visit(file.path, [])
  return cycles
}
