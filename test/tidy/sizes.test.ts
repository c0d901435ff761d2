/** Limits on the size of files, functions and folders. */
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { crowdedFolders, isExcepted, largeFiles, longFiles, longFunctions } from './exceptions.ts'
import { findLongFunctions, functionName } from './functions.ts'
import { files, source } from './repository.ts'

const isTest = (path: string): boolean =>
  path.endsWith('.test.ts') || path.startsWith('test/') || path.includes('/conformance/')

const lineCount = (text: string): number => text.split('\n').length - 1

test('one idea per file: at most 300 lines', () => {
  const long = source.filter((file) => lineCount(file.text) > 300)
  expect(
    long
      .filter((file) => !isExcepted(longFiles, file.path))
      .map((file) => `${file.path} has ${lineCount(file.text)} lines; split it by idea`),
  ).toEqual([])
  const paths = new Set(long.map((file) => file.path))
  expect(
    Object.keys(longFiles)
      .filter((path) => !paths.has(path))
      .map((path) => `${path} needs no exception any more; take it out of longFiles`),
  ).toEqual([])
})

test('no file over 256 KiB without a reason', () => {
  expect(
    files
      .filter((file) => file.bytes > 256 * 1024 && !isExcepted(largeFiles, file.path))
      .map((file) => file.path),
  ).toEqual([])
})

test('a function is named by itself, or by the variable, property or call that receives it', () => {
  expect(functionName('export ', 'async function* walk(from: Path) {')).toBe('walk')
  expect(functionName('  const repair = ', 'async (finder: Finder): Promise<void> => {')).toBe('repair')
  expect(functionName('  const sum: Sum = ', '(a, b) => {')).toBe('sum')
  expect(functionName('class Map {\n  ', 'get(key: string): Value {')).toBe('get')
  expect(functionName('  return { onMessage: ', '(message) => {')).toBe('onMessage')
})

/** Lower this number whenever the list gets shorter; never raise it. */
const longFunctionsAtMost = 4

test('a function fits a screen: at most 70 lines outside tests', () => {
  const long = new Map(
    findLongFunctions()
      .filter(({ path }) => !isTest(path))
      .map(({ path, name, lines }) => [`${path}: ${name}`, lines]),
  )
  const excepted = new Set(longFunctions)
  expect(
    [...long]
      .filter(([place]) => !excepted.has(place))
      .map(([place, lines]) => `${place} has ${lines} lines; split it by idea`),
  ).toEqual([])
  expect(
    longFunctions
      .filter((place) => !long.has(place))
      .map((place) => `${place} needs no exception any more; take it out of longFunctions`),
  ).toEqual([])
  expect(longFunctions.length).toBeLessThanOrEqual(longFunctionsAtMost)
})

test('a folder of session or swarm has at most twelve files', () => {
  const counts = new Map<string, number>()
  for (const { path } of files) {
    if (!/^packages\/(session|swarm)\/src\//.test(path)) continue
    counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  }
  const crowded = [...counts].filter(([, count]) => count > 12)
  expect(
    crowded
      .filter(([folder]) => !crowdedFolders.includes(folder))
      .map(([folder, count]) => `${folder} has ${count} files; give an idea among them a folder of its own`),
  ).toEqual([])
  expect(
    crowdedFolders
      .filter((folder) => !crowded.some(([path]) => path === folder))
      .map((folder) => `${folder} needs no exception any more; take it out of crowdedFolders`),
  ).toEqual([])
})
