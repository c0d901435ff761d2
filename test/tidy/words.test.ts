/** Words and forms that the code does without. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { files, findingsOf, source } from './repository.ts'
import { root } from './source.ts'

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
    name: 'paths taken from a URL',
    pattern: /\bimport\.meta\.url\)\.pathname/,
    advice: 'fileURLToPath(): on Windows a URL has a slash before the drive',
    part: 'code',
  },
  {
    name: 'paths of one machine',
    pattern: /['"`]\/(work|home|tmp|root|Users)\//,
    advice: 'os.tmpdir(), import.meta.url or an option',
    part: 'code',
  },
]

// The patterns above would find themselves.
const others = source.filter((file) => file.path !== 'test/tidy/words.test.ts')

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

test('no text names a package registry', () => {
  const host = new RegExp(
    ['registry', 'npmjs'].join(String.raw`\.`) + '|npmmirror|artifactory|verdaccio',
    'i',
  )
  const textual = files.filter(
    (file) =>
      /\.(ts|js|mjs|json|md|yml|npmrc|sh|py)$/.test(file.path) && file.path !== 'test/tidy/words.test.ts',
  )
  expect(
    textual.filter((file) => host.test(readFileSync(join(root, file.path), 'utf8'))).map((file) => file.path),
  ).toEqual([])
})
