import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { describeMachine } from './machine.ts'
import { createComparison, type Comparison } from './quality/comparison.ts'
import { weightBytes } from './quality/weight-bytes.ts'
import { ownTexts, randomTexts, type Texts } from './quality/texts.ts'
import { round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** `--weights` of every format that is compared with float32. */
const formats = [
  'int4:32',
  'int4:32+head-int8:128',
  'int4:128',
  'int4:128+calibrated',
  'int4:128+nearest',
  'int4:128+head-int4:128+nearest',
  'int8:32',
  'int8:128',
] as const

/**
 * What a weight format costs in quality: next-token distributions of each format against those of float32, over text that
 * the model itself writes at temperature 1, and over uniformly random tokens, which are far from any text. Time plays no
 * part: two runs on machines of one numeric class print the same.
 */
export async function benchQuality(settings: BenchSettings): Promise<BenchReport> {
  const { rounds, dataFolder, report } = settings
  const model = settings.model ?? 'demo'
  const open = (weights: string): Promise<Engine> =>
    openLocalEngine(dependencies, { model, weights, dataFolder, threads: 1 })
  report('f32: loading …')
  const exact = await open('f32')
  const samples: Record<string, number[]> = {}
  const figures: Record<string, number> = {}
  try {
    const texts = { own: await ownTexts(exact, rounds, report), random: randomTexts(exact, rounds) }
    for (const weights of formats) {
      const name = nameOf(weights)
      report(`${weights}: loading …`)
      const rounded = await open(weights)
      try {
        const own = await compare(exact, rounded, texts.own)
        const random = await compare(exact, rounded, texts.random)
        samples[`kl${name}`] = own.rounds.map(({ kl }) => round(kl))
        samples[`klRandom${name}`] = random.rounds.map(({ kl }) => round(kl))
        const { total } = own
        figures[`kl${name}`] = round(total.kl)
        figures[`topOneAgreement${name}`] = round(total.topOneAgreement)
        figures[`perplexity${name}`] = round(total.perplexity)
        figures[`klRandom${name}`] = round(random.total.kl)
        figures[`topOneAgreementRandom${name}`] = round(random.total.topOneAgreement)
        const bytes = weightBytes(rounded.manifest.manifest)
        figures[`bytesPerWeight${name}`] = round(bytes.inMemory)
        figures[`fileBytesPerWeight${name}`] = round(bytes.inFiles)
        figures['perplexityF32'] = round(total.perplexityExact)
        figures['positions'] = total.positions
        figures['positionsRandom'] = random.total.positions
        report(`${weights}: KL ${round(total.kl)}, random tokens ${round(random.total.kl)}`)
      } finally {
        await rounded.close()
      }
    }
  } finally {
    await exact.close()
  }
  return {
    name: 'quality',
    machine: describeMachine(),
    model,
    settings: { rounds, formats },
    samples,
    median: figures,
    notes: [
      'kl: mean Kullback-Leibler divergence of the next-token distribution from that of float32, in nats; topOneAgreement: share of positions with the same most likely token',
      'perplexity: of the text, given the tokens before; the text is what the float32 model writes at temperature 1, so that perplexityF32 is the least possible on average',
      'Random: over uniformly random tokens',
      'bytesPerWeight: in memory once loaded; fileBytesPerWeight: on disk and on the wire',
      'figures are means over all positions, not medians over rounds; each round adds text',
    ],
  }
}

/** The end of a figure's name: `int4:128+head-int4:128` becomes `Int4b128HeadInt4b128`. */
function nameOf(weights: string): string {
  const words = weights.replaceAll(':', 'b').split(/[+-]/)
  return words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')
}

interface Compared {
  readonly total: Comparison
  readonly rounds: readonly Comparison[]
}

async function compare(exact: Engine, rounded: Engine, texts: Texts): Promise<Compared> {
  const { vocabularySize } = exact.manifest.manifest.config
  const total = createComparison(vocabularySize)
  const rounds: Comparison[] = []
  for (const round of texts) {
    const own = createComparison(vocabularySize)
    for (const ids of round) {
      const [one, other] = [await logitsOf(exact, ids), await logitsOf(rounded, ids)]
      own.add(ids, one, other)
      total.add(ids, one, other)
    }
    rounds.push(own)
  }
  return { total, rounds }
}

async function logitsOf(engine: Engine, ids: readonly number[]): Promise<Float32Array> {
  const { logits } = await engine.forward(ids)
  if (logits === null) throw new Error('all blocks give logits')
  return logits
}
