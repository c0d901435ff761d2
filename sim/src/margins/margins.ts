import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { createComparison } from '../bench/quality/comparison.ts'
import type { HarnessReport } from '../chaos.ts'
import { chosenGoldenModels, type GoldenModel } from '../processes/golden.ts'

/*
 * Every golden model with rounded weights beside the same model in float32, which gives the logits of the reference
 * implementations within 1e-4 (`conformance/families.test.ts`). The golden models have random weights, so that their
 * distributions are nearly flat or arbitrarily sharp: what a format costs is measured by the error of the logits, whose size
 * relative to the logits does not depend on that. Divergence and agreement are shown beside it.
 */

/** What a format may cost (docs/numerics.md). */
export interface Margin {
  readonly weights: string
  /** Median over rows of the root mean square of the errors of the logits, over that of the logits less their mean. */
  readonly errorMax: number
}

export const margins: readonly Margin[] = [
  { weights: 'int8:32', errorMax: 0.06 },
  { weights: 'int4:128', errorMax: 0.6 },
]

export interface Found extends Margin {
  readonly error: number
  /** Mean Kullback-Leibler divergence of the next-token distribution, in nats. */
  readonly kl: number
  /** Share of positions with the same most likely token. */
  readonly agreement: number
}

/** A model in each format beside float32. */
export async function measureMargins({ ref, cases }: GoldenModel, dataFolder: string): Promise<Found[]> {
  const open = (weights: string): Promise<Engine> =>
    openLocalEngine(
      { clock: systemClock, random: systemRandom, logger: silentLogger },
      { model: ref, weights, dataFolder, threads: 1 },
    )
  const texts = cases.map(({ prompt, greedy }) => [...prompt, ...greedy])
  const logitsOf = async (engine: Engine): Promise<Float32Array[]> => {
    const all: Float32Array[] = []
    for (const text of texts) all.push((await engine.forward(text)).logits ?? new Float32Array())
    await engine.close()
    return all
  }
  const exact = await open('f32')
  const { vocabularySize } = exact.manifest.manifest.config
  const expected = await logitsOf(exact)
  const found: Found[] = []
  for (const margin of margins) {
    const rounded = await logitsOf(await open(margin.weights))
    const comparison = createComparison(vocabularySize)
    for (const [index, tokenIds] of texts.entries())
      comparison.add({ tokenIds, promptLength: 1 }, expected[index]!, rounded[index]!)
    const { kl, topOneAgreement: agreement } = comparison
    found.push({ ...margin, error: relativeError(expected, rounded, vocabularySize), kl, agreement })
  }
  return found
}

/**
 * The median over all rows. Adding the same number to all logits of a row changes nothing, so their mean is left out. Where
 * rounding sends a row to other experts, its error is as large as its logits; the median leaves such rows out as long as
 * they are few.
 */
function relativeError(
  expected: readonly Float32Array[],
  found: readonly Float32Array[],
  vocabularySize: number,
): number {
  const rows = expected.flatMap((logits, text) =>
    Array.from({ length: logits.length / vocabularySize }, (_, row) => {
      const [from, to] = [row * vocabularySize, (row + 1) * vocabularySize]
      return errorOfRow(logits.subarray(from, to), found[text]!.subarray(from, to))
    }),
  )
  // Numbers that are none come last, and are found when they are many.
  const sorted = rows
    .map((error) => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error))
    .sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function errorOfRow(exact: Float32Array, other: Float32Array): number {
  const [mean, otherMean] = [meanOf(exact), meanOf(other)]
  let [errors, sizes] = [0, 0]
  for (const [id, value] of exact.entries()) {
    errors += (other[id]! - otherMean - (value - mean)) ** 2
    sizes += (value - mean) ** 2
  }
  return Math.sqrt(errors / sizes)
}

const meanOf = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** What of it is outside of the margins, in sentences. */
export function outsideMargins(name: string, found: readonly Found[]): string[] {
  return found
    .filter(({ error, errorMax }) => !(error <= errorMax))
    .map(
      ({ weights, error, errorMax }) =>
        `the logits of ${name} with ${weights} have an error of ${error.toFixed(3)} of their size, more than ${errorMax}`,
    )
}

/**
 * Runs the harness for `npm run chaos -- margins`.
 * @param from of the models, in the order of their names, the first to measure
 * @param count of the models to measure
 */
export async function chaosMargins(
  from: number,
  count: number,
  report: (line: string) => void,
): Promise<HarnessReport> {
  const models = chosenGoldenModels(from, count)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-margins-'))
  const failed: HarnessReport['failed'][number][] = []
  const rows = [
    `| model | ${margins.map(({ weights }) => `${weights}: error | KL | same best token`).join(' | ')} |`,
  ]
  rows.push(`|${'---|'.repeat(1 + 3 * margins.length)}`)
  try {
    for (const [index, model] of models.entries()) {
      let violations: string[]
      try {
        const found = await measureMargins(model, folder)
        violations = outsideMargins(model.name, found)
        const cells = found.map(
          ({ error, kl, agreement }) =>
            `${error.toFixed(3)} | ${kl.toPrecision(2)} | ${(100 * agreement).toFixed(1)}%`,
        )
        rows.push(`| ${model.name} | ${cells.join(' | ')} |`)
        report(rows.at(-1) ?? '')
      } catch (error) {
        violations = [`${model.name}: ${messageOf(error)}`]
      }
      const seed = from + index
      if (violations.length > 0)
        failed.push({ seed, violations, repeat: `npm run chaos -- margins --from ${seed} --count 1` })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return { failed, lines: rows }
}
