import { join } from 'node:path'
import { source, workspaceByName } from './repository.ts'
import { packageOf, readManifest, type CodeFile } from './source.ts'

const byPath = new Map(source.map((file) => [file.path, file]))

/** The file that an import loads; undefined for built-in modules and packages from outside. */
function targetOf(importer: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return join(importer, '..', specifier).replaceAll('\\', '/')
  const workspace = workspaceByName.get(packageOf(specifier) ?? '')
  if (workspace === undefined) return undefined
  const { name, exports = {} } = readManifest(workspace)
  const file = exports[`.${specifier.slice(name.length)}`]
  return file === undefined ? undefined : `${workspace}/${file.slice(2)}`
}

/**
 * Files that a program loads by importing any of `entries`, type imports aside.
 * @param follows whether to go on behind an import; all of them when absent
 */
export function loadedBy(
  entries: readonly string[],
  follows: (importer: string, specifier: string) => boolean = () => true,
): CodeFile[] {
  const loaded = new Map<string, CodeFile>()
  const visit = (path: string): void => {
    const file = byPath.get(path)
    if (file === undefined || loaded.has(path)) return
    loaded.set(path, file)
    for (const { specifier, typeOnly } of file.imports) {
      if (typeOnly || !follows(path, specifier)) continue
      const target = targetOf(path, specifier)
      if (target !== undefined) visit(target)
    }
  }
  for (const entry of entries) visit(entry)
  return [...loaded.values()]
}
