/** Which code may import which: the ladder of ARCHITECTURE.md, one door for each outside library, no cycles. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { source, workspaceByName, workspaces } from './repository.ts'
import { findCycles, importsOf, packageOf, readLadder, root, type CodeFile } from './source.ts'

const ladder = readLadder(workspaces)
/** Packages that hold only data. They have no rung, and every package may import them. */
const dataPackages = new Set(['packages/demo-model'])

test('the import parser sees every form', () => {
  // Written so that the import parser does not find imports in this file.
  const quote = '"'
  const text = [
    "import a from 'a'",
    'import type { B } from "b"',
    "import {\n  c,\n} from './c.ts'",
    "import 'd'",
    "export * from 'e'",
    "export { f } from '@f/f/g'",
    `const g = await import(${quote}g${quote})`,
    "export const text = 'not-an-import'",
  ].join('\n')
  expect(importsOf(text).map(({ specifier }) => specifier)).toEqual([
    'a',
    'b',
    './c.ts',
    'd',
    'e',
    '@f/f/g',
    'g',
  ])
  expect(importsOf(text).filter(({ typeOnly }) => typeOnly)).toHaveLength(1)
  expect(packageOf('@f/f/g')).toBe('@f/f')
})

test('every workspace has a rung on the ladder of ARCHITECTURE.md', () => {
  expect(workspaces.filter((workspace) => !ladder.has(workspace) && !dataPackages.has(workspace))).toEqual([])
  expect(ladder.get('packages/swarm')).toBe(5)
})

test('imports point down the ladder', () => {
  const findings = source.flatMap((file) =>
    file.imports.flatMap(({ specifier }) => {
      const target = workspaceByName.get(packageOf(specifier) ?? '')
      if (target === undefined || target === file.workspace || dataPackages.has(target)) return []
      const [from, to] = [ladder.get(file.workspace) ?? 0, ladder.get(target) ?? 0]
      return from > to
        ? []
        : [
            `${file.path} imports ${specifier}: ${from === to ? 'sideways' : 'upward'}; ask for an interface in an argument instead`,
          ]
    }),
  )
  expect(findings).toEqual([])
})

test('a relative import stays in its workspace and names a file', () => {
  const findings = source.flatMap((file) =>
    file.imports.flatMap(({ specifier }) => {
      if (!specifier.startsWith('.')) return []
      const target = join(file.path, '..', specifier).replaceAll('\\', '/')
      if (!target.startsWith(`${file.workspace}/`))
        return [`${file.path} imports ${specifier}; use the package's name`]
      return existsSync(join(root, target)) ? [] : [`${file.path} imports ${specifier}, which is missing`]
    }),
  )
  expect(findings).toEqual([])
})

test('cycles are found, but not over type imports', () => {
  const file = (path: string, specifier: string, typeOnly = false): CodeFile => ({
    path,
    workspace: '',
    bytes: 0,
    text: '',
    code: '',
    imports: [{ specifier, typeOnly }],
    test: false,
  })
  expect(findCycles([file('a.ts', './b.ts'), file('b.ts', './c/d.ts'), file('c/d.ts', '../a.ts')])).toEqual([
    ['a.ts', 'b.ts', 'c/d.ts', 'a.ts'],
  ])
  expect(findCycles([file('a.ts', './b.ts'), file('b.ts', './a.ts', true)])).toEqual([])
})

test('no import cycles', () => {
  expect(findCycles(source).map((cycle) => cycle.join(' → '))).toEqual([])
})

const doors: readonly { readonly packages: RegExp; readonly door: string }[] = [
  { packages: /^onnxruntime-/, door: 'packages/runtime' },
  {
    packages: /^(libp2p|@libp2p\/.*|@chainsafe\/.*|@multiformats\/.*|multiformats)$/,
    door: 'packages/network',
  },
  { packages: /^(yjs|y-protocols|lib0)$/, door: 'packages/membership' },
  { packages: /^@mlc-ai\//, door: 'packages/grammar' },
  { packages: /^(pino|rotating-file-stream|env-paths)$/, door: 'packages/host' },
]

test.each(doors)('one door: $packages only in $door', ({ packages, door }) => {
  const others = source.filter((file) => file.workspace !== door)
  const findings = others.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => packages.test(packageOf(specifier) ?? ''))
      .map(({ specifier }) => `${file.path} imports ${specifier}; ask ${door}`),
  )
  expect(findings).toEqual([])
})
