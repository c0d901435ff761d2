/** Checks that the package has every thread: a path that only a checkout has ends an installed program. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'
import { source } from './repository.ts'
import { root } from './source.ts'

test('every module that is started as a thread has its place in the package', () => {
  const build = readFileSync(join(root, 'test', 'package', 'build.ts'), 'utf8')
  const threads = source
    .filter(({ path, test: isTest }) => !isTest && !path.startsWith('sim/') && !path.startsWith('test/'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/new Worker\(\s*new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g)].map(
        ([, file = '']) => posix.join(posix.dirname(path), file),
      ),
    )
  expect(threads.length).toBeGreaterThan(5)
  expect(threads.filter((path) => !build.includes(`'${path}':`))).toEqual([])
})
