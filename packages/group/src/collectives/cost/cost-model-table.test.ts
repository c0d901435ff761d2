import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { chooseAlgorithm, type ExchangeCosts } from './cost-model.ts'

const links: readonly (readonly [string, ExchangeCosts])[] = [
  ['one machine, a core for each', { roundTripMs: 0.06, msPerByte: 5e-7, parallel: 64 }],
  ['10 Gbit/s with encryption, 0.15 ms', { roundTripMs: 0.15, msPerByte: 6e-7, parallel: 64 }],
  ['1 Gbit/s, 0.3 ms', { roundTripMs: 0.3, msPerByte: 4e-6, parallel: 64 }],
  ['Wi-Fi, 3 ms', { roundTripMs: 3, msPerByte: 4e-5, parallel: 64 }],
]
const ranks = [2, 3, 4, 8]
/** Bytes from one row of the narrowest model to 256 rows of a wide one. */
const sizes = Array.from({ length: 12 }, (_, power) => 8192 * 2 ** power)

function crossing(count: number, costs: ExchangeCosts): string {
  const chosen = sizes.map((bytes) => chooseAlgorithm(count, bytes, costs))
  const from = chosen.indexOf('star')
  // The choice changes from gather to star at one size, and is never the ring.
  expect(chosen).toEqual(sizes.map((_, index) => (from < 0 || index < from ? 'gather' : 'star')))
  if (from <= 0) return from < 0 ? 'gather always' : 'star always'
  const kibibytes = (sizes[from] as number) / 1024
  return kibibytes < 1024 ? `${kibibytes} KiB` : `${kibibytes / 1024} MiB`
}

test('the table of docs/tensor-parallel.md has the figures of the cost model', () => {
  const rows = links.map(
    ([name, costs]) => `| ${name} | ${ranks.map((count) => crossing(count, costs)).join(' | ')} |`,
  )
  const page = readFileSync(resolve(import.meta.dirname, '../../../../../docs/tensor-parallel.md'), 'utf8')
  expect(page).toContain(rows.join('\n'))
})
