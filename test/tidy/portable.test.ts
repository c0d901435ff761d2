/** Code that runs in virtual time or in a browser does not load Node's modules. */
import { expect, test } from 'vitest'
import { nodeInBrowser } from './exceptions.ts'
import { loadedBy } from './loading.ts'
import { source } from './repository.ts'

/** Entry points without `node` in their name, which simulations and browsers import. */
const portableDoors = source
  .map((file) => file.path)
  .filter((path) => /^packages\/[\w-]+\/src\/(index|components)\.ts$/.test(path))

test('portable entry points load no entry point named node', () => {
  const loaded = loadedBy(portableDoors, (_importer, specifier) => specifier.startsWith('.'))
  expect(loaded.length).toBeGreaterThan(200)
  const findings = loaded.flatMap((file) =>
    file.imports
      .filter(({ specifier, typeOnly }) => !typeOnly && /^@shoal\/\w+\/node$/.test(specifier))
      .map(({ specifier }) => `${file.path} imports ${specifier}; take what it makes as an argument`),
  )
  expect(findings).toEqual([])
})

/** Files that a thin client in a browser loads: pure packages, the coordinator's side of a session, the SDK. */
const browserEntries = [
  'packages/model/src/index.ts',
  'packages/protocol/src/index.ts',
  'packages/planner/src/index.ts',
  'client/src/index.ts',
  ...source
    .filter(
      (file) => !file.test && /^packages\/session\/src\/(coordinator|route|generation)\//.test(file.path),
    )
    .map((file) => file.path),
]

/** Node's own modules, and native ones. */
const nodeOnly = /^(node:|onnxruntime-node$)/

test('files for the browser load no module of Node', () => {
  const excepted = new Set(Object.keys(nodeInBrowser))
  const loaded = loadedBy(browserEntries, (path, specifier) => !excepted.has(`${path}: ${specifier}`))
  expect(loaded.length).toBeGreaterThan(100)
  const imports = loaded.flatMap(({ path, imports }) =>
    imports.filter(({ typeOnly }) => !typeOnly).map(({ specifier }) => ({ path, specifier })),
  )
  expect(
    imports
      .filter(({ path, specifier }) => nodeOnly.test(specifier) && !excepted.has(`${path}: ${specifier}`))
      .map(({ path, specifier }) => `${path} imports ${specifier}; take what it gives as an argument`),
  ).toEqual([])
  const met = new Set(imports.map(({ path, specifier }) => `${path}: ${specifier}`))
  expect(
    [...excepted]
      .filter((edge) => !met.has(edge))
      .map((edge) => `${edge} needs no exception any more; take it out of nodeInBrowser`),
  ).toEqual([])
})
