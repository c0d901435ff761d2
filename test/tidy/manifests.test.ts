/** Checks every workspace's `package.json`: declared dependencies, their versions, and scripts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isExcepted, unimportedDependencies } from './exceptions.ts'
import { source, workspaces } from './repository.ts'
import { packageOf, readManifest, root } from './source.ts'

test('a workspace declares every package that it imports', () => {
  const development = Object.keys(readManifest('').devDependencies ?? {})
  const findings = source.flatMap((file) => {
    const { name, dependencies = {}, devDependencies = {} } = readManifest(file.workspace)
    return file.imports.flatMap(({ specifier, typeOnly }) => {
      const used = packageOf(specifier)
      if (used === null || used === name || used in dependencies) return []
      // Types are gone at run time: a user's install does without them.
      if (typeOnly && used in devDependencies) return []
      return file.test && development.includes(used)
        ? []
        : [`${file.path} imports ${used}, which ${file.workspace}/package.json does not declare`]
    })
  })
  expect(findings.filter((finding) => !finding.includes('vitest.config.ts'))).toEqual([])
})

test('a workspace imports every package that it declares', () => {
  const findings = workspaces.flatMap((workspace) => {
    const used = new Set(
      source
        .filter((file) => file.workspace === workspace)
        .flatMap((file) => file.imports.map(({ specifier }) => packageOf(specifier))),
    )
    return Object.keys(readManifest(workspace).dependencies ?? {})
      .filter((name) => !used.has(name) && !isExcepted(unimportedDependencies, `${workspace}:${name}`))
      .map((name) => `${workspace} declares ${name} and does not import it`)
  })
  expect(findings).toEqual([])
})

test('versions are exact and agree over workspaces', () => {
  const seen = new Map<string, string>()
  const findings = ['', ...workspaces].flatMap((workspace) => {
    const { dependencies = {}, devDependencies = {} } = readManifest(workspace)
    return Object.entries({ ...dependencies, ...devDependencies }).flatMap(([name, version]) => {
      const other = seen.get(name) ?? version
      seen.set(name, version)
      return /^\d+\.\d+\.\d+$/.test(version) && other === version
        ? []
        : [`${workspace} wants ${name}@${version}; write one exact version everywhere (${other})`]
    })
  })
  expect(findings).toEqual([])
})

test('npm scripts run under every shell', () => {
  const posix = /(^|\s)(rm|cp|mv|mkdir|cat|export|bash|sh|chmod|\.\/\S+)\s|[;'$]|^\w+=/
  const findings = ['', ...workspaces].flatMap((workspace) =>
    Object.entries(readManifest(workspace).scripts ?? {}).flatMap(([name, script]) =>
      posix.test(script) ? [`${workspace} script ${name}: ${script}`] : [],
    ),
  )
  expect(findings).toEqual([])
})

test('an install does not change package-lock.json: workspaces list their dependencies in its order', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dependencies?: Record<string, string> }>
  }
  for (const workspace of workspaces) {
    const listed = Object.keys(lock.packages[workspace]?.dependencies ?? {})
    expect(listed, workspace).toEqual(listed.toSorted((a, b) => a.localeCompare(b, 'en')))
  }
})
