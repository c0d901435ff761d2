/** No promise is discarded without a handler for its rejection: an unhandled rejection ends the process. */
import { expect, test } from 'vitest'
import { discardedPromises } from './discarded-promises.ts'
import { source } from './repository.ts'

const discard = 'void'

test.each([
  ['a.then(b)', 'then'],
  ['(a ?? c(1, 2)).then(() => {\n  b(1, 2)\n})', 'then'],
  ['this.#a\n  .b()\n  .finally(() => c())', 'finally'],
  ['a.then(b, c).finally(d)', 'finally'],
  ['a?.then(\n  () => b,\n)', 'then'],
])('a discarded %s is found', (expression, call) => {
  expect(discardedPromises(`first()\n${discard} ${expression}\nlast()`)).toEqual([{ line: 2, call }])
})

test.each([
  'a.then(b, c)',
  'a.then(\n  () => b(),\n  (error: unknown) => c(error),\n)',
  'a.then(b).catch(c)',
  'run()',
  '0',
])('a discarded %s is let pass', (expression) => {
  expect(discardedPromises(`${discard} ${expression}\n`)).toEqual([])
})

test('every discarded then() has a rejection handler', () => {
  const findings = source
    .filter((file) => file.path !== 'test/tidy/promises.test.ts')
    .flatMap((file) =>
      discardedPromises(file.code).map(
        ({ line, call }) =>
          `${file.path}:${line} discards ${call}() without a handler for its rejection; end it with .catch()`,
      ),
    )
  expect(findings).toEqual([])
})
