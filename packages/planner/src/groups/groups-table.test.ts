import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { sketchCosts, sketchSnapshot } from '../testing/sketches.ts'
import { planGroups } from './group-pipelines.ts'

/** Shapes of the Llama models, with the time of a block on a laptop's cores at four bits and how many blocks fit there. */
const models = [
  { name: '1B', blockCount: 16, blockMicros: 1_900, fits: 16, hiddenSize: 2048 },
  { name: '8B', blockCount: 32, blockMicros: 9_000, fits: 20, hiddenSize: 4096 },
  { name: '70B', blockCount: 80, blockMicros: 40_000, fits: 30, hiddenSize: 8192 },
]
const links = [
  ...[0.1, 0.3, 1, 3, 10, 50].map((rttMs) => ({
    name: `${rttMs} ms`,
    nearMicros: rttMs * 1000,
    farMicros: rttMs * 1000,
  })),
  { name: 'pairs at 0.2 ms, 20 ms between them', nearMicros: 200, farMicros: 20_000 },
]

/** One cell for four equal devices with 1 Gbit/s: `ranks of each stage: ms per token (with single devices)`. */
function cell(
  { blockCount, blockMicros, fits, hiddenSize }: (typeof models)[number],
  { nearMicros, farMicros }: (typeof links)[number],
): string {
  const costs = { ...sketchCosts(blockCount), rowBytes: hiddenSize * Float32Array.BYTES_PER_ELEMENT }
  const names = ['a', 'b', 'c', 'd']
  const near = (one: string, other: string): boolean => ['ab', 'cd'].includes([one, other].sort().join(''))
  const devices = names.map((name) => ({
    name,
    fits,
    blockMicros,
    bytesPerSecond: 125_000_000,
    links: Object.fromEntries(
      names
        .filter((other) => other !== name)
        .map((other) => [other, near(name, other) ? nearMicros : farMicros]),
    ),
  }))
  const { grouped, single } = planGroups(sketchSnapshot(costs, devices))
  const ms = (plan: typeof grouped): string =>
    plan === null ? 'nothing' : String(Math.round(plan.tpotMicros / 1000))
  return `${grouped?.stages.map(({ peers }) => peers.length).join(' → ') ?? 'nothing'}: ${ms(grouped)} (${ms(single)})`
}

test('the table of docs/tensor-parallel.md has the figures of the planner', () => {
  const rows = [
    ['round trip', ...models.map(({ name }) => name)],
    ['---', ...models.map(() => '---')],
    ...links.map((link) => [link.name, ...models.map((model) => cell(model, link))]),
  ]
  const table = rows
    .map((cells) => (cells[0] === '---' ? `|${cells.join('|')}|` : `| ${cells.join(' | ')} |`))
    .join('\n')
  const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/tensor-parallel.md'), 'utf8')
  // When this fails, the expected text is the new table.
  const begin = page.indexOf('| round trip |')
  expect(page.slice(begin, page.indexOf('\n\n', begin))).toBe(table)
})
