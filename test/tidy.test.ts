/**
 * The house rules that no compiler knows, after TigerBeetle's `tidy.zig`. Every finding says what to do instead.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  isExcepted,
  largeFiles,
  longFiles,
  systemCalls,
  unimportedDependencies,
  type Exceptions,
} from './tidy/exceptions.ts'
import {
  findCycles,
  importsOf,
  listFiles,
  packageOf,
  readCode,
  readLadder,
  readManifest,
  root,
  type CodeFile,
} from './tidy/source.ts'

const files = listFiles()
const code = files.filter((file) => /\.(ts|js|mjs)$/.test(file.path)).map(readCode)
const source = code.filter(
  (file) => file.workspace !== '' && !file.path.startsWith('packages/demo-model/train/'),
)
const workspaces = [...new Set(files.map((file) => file.workspace))].filter(
  (workspace) => existsSync(join(root, workspace, 'package.json')) && workspace !== '',
)
const ladder = readLadder(workspaces)
const workspaceByName = new Map(workspaces.map((workspace) => [readManifest(workspace).name, workspace]))
/** Data, on no rung: anybody may name it. */
const dataPackages = new Set(['packages/demo-model'])

/** Findings of a rule over files, as `path:line advice`. */
function findingsOf(
  pattern: RegExp,
  advice: string,
  among: readonly CodeFile[],
  part: 'text' | 'code' = 'code',
): string[] {
  return among.flatMap((file) =>
    file[part]
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1} ${advice}`] : [])),
  )
}

test('the import parser sees every form', () => {
  // Spelled so that this file does not seem to import it.
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

test('cycles are found, over type imports none', () => {
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

/** Modules that a program loads by importing any of these files, types aside. */
function loadedBy(entries: readonly string[]): Set<string> {
  const byPath = new Map(source.map((file) => [file.path, file]))
  const loaded = new Set<string>()
  const visit = (path: string): void => {
    const file = byPath.get(path)
    if (file === undefined || loaded.has(path)) return
    loaded.add(path)
    for (const { specifier, typeOnly } of file.imports)
      if (!typeOnly && specifier.startsWith('.')) visit(join(path, '..', specifier).replaceAll('\\', '/'))
  }
  for (const entry of entries) visit(entry)
  return loaded
}

/** The doors of every package that do not say `node`: programs under virtual time and browsers come in by these. */
const portableDoors = source
  .map((file) => file.path)
  .filter((path) => /^packages\/[\w-]+\/src\/(index|components)\.ts$/.test(path))

test('what the portable doors load uses no entry point named node', () => {
  const loaded = loadedBy(portableDoors)
  expect(loaded.size).toBeGreaterThan(200)
  const findings = source
    .filter((file) => loaded.has(file.path))
    .flatMap((file) =>
      file.imports
        .filter(({ specifier, typeOnly }) => !typeOnly && /^@shoal\/\w+\/node$/.test(specifier))
        .map(({ specifier }) => `${file.path} imports ${specifier}; take what it makes as an argument`),
    )
  expect(findings).toEqual([])
})

const banned: readonly { readonly call: RegExp; readonly advice: string }[] = [
  { call: /\bDate\.now\(/, advice: 'take a Clock: wallMs() for people, nowMs() for decisions' },
  { call: /\bperformance\.now\(/, advice: 'take a Clock: nowMs()' },
  { call: /\b(setTimeout|setInterval|setImmediate)\(/, advice: 'take a Clock: after(), sleep(), every()' },
  { call: /\bAbortSignal\.timeout\(/, advice: 'take a Clock: after() and an AbortController' },
  { call: /\bMath\.random\(/, advice: 'take a Random' },
  {
    call: /\b(randomBytes|randomUUID|getRandomValues|randomInt)\(/,
    advice: 'take a Random; randomHex() makes ids',
  },
]

test('the banned calls are recognised', () => {
  // Put together here, so that this file does not contain them.
  const calls = [
    ['Date', 'now'],
    ['performance', 'now'],
    ['setTimeout'],
    ['globalThis', 'setInterval'],
    ['AbortSignal', 'timeout'],
    ['Math', 'random'],
    ['crypto', 'getRandomValues'],
  ]
  const missed = calls
    .map((words) => `const x = ${words.join('.')}(1)`)
    .filter((line) => !banned.some(({ call }) => call.test(line)))
  expect(missed).toEqual([])
  expect(banned.some(({ call }) => call.test('clock.after(5, retry)'))).toBe(false)
})

test.each(banned)('$call only in packages/host', ({ call, advice }) => {
  const others = source.filter(
    (file) => !file.path.startsWith('packages/host/src/node') && !isExcepted(systemCalls, file.path),
  )
  expect(findingsOf(call, advice, others)).toEqual([])
})

const texts: readonly {
  readonly name: string
  readonly pattern: RegExp
  readonly advice: string
  readonly part: 'text' | 'code'
}[] = [
  { name: 'default exports', pattern: /^export default\b/, advice: 'export by name', part: 'code' },
  {
    name: 'any',
    pattern: /(:|\bas|<) *any\b(?! [a-z])|\bany\[\]/,
    advice: 'unknown, or the real type',
    part: 'code',
  },
  { name: 'enums', pattern: /^\s*(export )?(const )?enum\b/, advice: 'a union of texts', part: 'code' },
  { name: 'leftovers', pattern: /\b(FIXME|TODO|XXX)\b/, advice: 'do it or file it', part: 'text' },
  {
    name: 'paths of one machine',
    pattern: /['"`]\/(work|home|tmp|root|Users)\//,
    advice: 'os.tmpdir(), import.meta.url or an option',
    part: 'code',
  },
]

// The patterns above would find themselves.
const others = source.filter((file) => file.path !== 'test/tidy.test.ts')

test.each(texts)('no $name', ({ pattern, advice, part }) => {
  const among = pattern.source.startsWith('^export default')
    ? others.filter((file) => file.path !== 'test/closing-line-reporter.ts')
    : others
  expect(findingsOf(pattern, advice, among, part)).toEqual([])
})

test('no words that say nothing in file names', () => {
  expect(
    source.map((file) => file.path).filter((path) => /\b(utils?|helpers?|manager|misc|common)\b/i.test(path)),
  ).toEqual([])
})

test('one idea per file: at most 300 lines', () => {
  const findings = source.filter(
    (file) => !isExcepted(longFiles, file.path) && file.text.split('\n').length > 301,
  )
  expect(
    findings.map(
      (file) =>
        `${file.path} has ${file.text.split('\n').length} lines; split it or give a reason in tidy/exceptions.ts`,
    ),
  ).toEqual([])
})

test('no file over 256 KiB without a reason', () => {
  expect(
    files
      .filter((file) => file.bytes > 256 * 1024 && !isExcepted(largeFiles, file.path))
      .map((file) => file.path),
  ).toEqual([])
})

test('every exception is still needed', () => {
  const present = (path: string): boolean =>
    files.some((file) => (path.endsWith('/') ? file.path.startsWith(path) : file.path === path))
  const lists: readonly Exceptions[] = [longFiles, systemCalls, largeFiles]
  expect(lists.flatMap((list) => Object.keys(list)).filter((path) => !present(path))).toEqual([])
  const longEnough = Object.keys(longFiles).filter(
    (path) => readFileSync(join(root, path), 'utf8').split('\n').length <= 301,
  )
  expect(longEnough).toEqual([])
})

test('what a workspace imports it declares', () => {
  const development = Object.keys(readManifest('').devDependencies ?? {})
  const findings = source.flatMap((file) => {
    const { name, dependencies = {} } = readManifest(file.workspace)
    return file.imports.flatMap(({ specifier }) => {
      const used = packageOf(specifier)
      if (used === null || used === name || used in dependencies) return []
      return file.test && development.includes(used)
        ? []
        : [`${file.path} imports ${used}, which ${file.workspace}/package.json does not declare`]
    })
  })
  expect(findings.filter((finding) => !finding.includes('vitest.config.ts'))).toEqual([])
})

test('what a workspace declares it imports', () => {
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

test('no text names a package registry', () => {
  const host = new RegExp(
    ['registry', 'npmjs'].join(String.raw`\.`) + '|npmmirror|artifactory|verdaccio',
    'i',
  )
  const textual = files.filter(
    (file) => /\.(ts|js|mjs|json|md|yml|npmrc|sh|py)$/.test(file.path) && file.path !== 'test/tidy.test.ts',
  )
  expect(
    textual.filter((file) => host.test(readFileSync(join(root, file.path), 'utf8'))).map((file) => file.path),
  ).toEqual([])
})
