/** Checks statements of the documents about the repository. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles, readManifest, root } from './source.ts'

const files = listFiles()
const documents = files
  .map(({ path }) => path)
  .filter((path) => path.endsWith('.md') && !path.startsWith('packages/demo-model/'))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Rows of a document's tables, as their cells. */
function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| package '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

test('docs/dependencies.md lists every dependency, where it is used and why, and nothing else', () => {
  const declared = new Map<string, Set<string>>()
  for (const { path, workspace } of files.filter(
    ({ path }) => path.endsWith('package.json') && !path.startsWith('packages/demo-model/'),
  )) {
    if (path !== join(workspace, 'package.json').replaceAll('\\', '/')) continue
    const { dependencies = {}, devDependencies = {}, optionalDependencies = {} } = readManifest(workspace)
    const user = workspace === '' ? 'the repository' : workspace.replace('packages/', '')
    for (const name of Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      // Workspaces of this repository are not outside dependencies.
      if (!name.startsWith('@shoal/') && name !== 'shoal')
        declared.set(name, (declared.get(name) ?? new Set()).add(user))
    }
  }
  const sentence = (name: string, users: Iterable<string>): string =>
    `${name} by ${[...users].sort().join(', ')}`
  const rows = tableRows(read('docs/dependencies.md'))
  const listed = rows.map(([name = '', users = '']) => sentence(name, users.split(', ')))
  expect(listed.toSorted()).toEqual([...declared].map(([name, users]) => sentence(name, users)).toSorted())
  expect(rows.filter(([, , reason = '']) => reason === '')).toEqual([])
})

test('links between documents lead to existing files', () => {
  const findings = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].flatMap(([, target = '']) =>
      existsSync(join(root, dirname(path), target)) ? [] : [`${path} links to ${target}, which is missing`],
    ),
  )
  expect(findings).toEqual([])
})

/** The anchors of a document's headings, as GitHub makes them. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )

test('links to a heading lead to one', () => {
  const findings = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)].flatMap(
      ([, target = '', anchor = '']) => {
        const file = target === '' ? path : join(dirname(path), target)
        return anchorsOf(read(file)).includes(anchor)
          ? []
          : [`${path} links to ${target}#${anchor}, which is missing`]
      },
    ),
  )
  expect(findings).toEqual([])
})

test('files that the documents name exist', () => {
  // Journals of what was: files in them may be gone.
  const ofThePast = /^(CHANGELOG\.md|docs\/(log\.md|decisions\/))/
  const named = documents
    .filter((path) => !ofThePast.test(path))
    .flatMap((path) =>
      [...read(path).matchAll(/`((?:packages|node|client|sim|test|docs)\/[\w./-]+)`/g)].map(
        ([, file = '']) => ({
          path,
          file,
        }),
      ),
    )
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter(({ file }) => !existsSync(join(root, file)))).toEqual([])
})

test('every bench that can be measured can be named after shoal bench, and the other way round', () => {
  /** Keys of the table that is called `benches` in a source file. */
  const namesIn = (path: string): string[] => {
    const table = /\bbenches: Readonly<.*?> = \{\n(.*?)\n\}/s.exec(read(path))?.[1] ?? ''
    return [...table.matchAll(/^ {2}'?([a-z-]+)'?:/gm)].map(([, name]) => name ?? '').sort()
  }
  const named = namesIn('node/src/commands/bench.ts')
  expect(named.length).toBeGreaterThan(10)
  expect(named).toEqual(namesIn('sim/src/bench.ts'))
})

test('docs/protocol.md has a section for each protocol', () => {
  const page = read('docs/protocol.md')
  const ids = [...read('packages/protocol/src/protocols.ts').matchAll(/[`'](\/shoal\/[a-z-]+)/g)].map(
    ([, id]) => id,
  )
  expect(ids.length).toBeGreaterThan(10)
  expect(ids.filter((id) => !new RegExp(`^## ${id}[/:]`, 'm').test(page))).toEqual([])
})
