import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { describeMachine } from './machine.ts'
import { createComparison, type Comparison } from './quality/comparison.ts'
import { weightBytes } from './quality/weight-bytes.ts'
import { ownTexts, randomTexts, type Texts } from './quality/texts.ts'
import { medians, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** `--weights` of every format that is compared with float32, and `f32+kv-int8`: exact weights with keys and values in int8. */
const formats = [
  'int4:32',
  'int4:32+head-int8:128',
  'int4:128',
  'int4:128+calibrated',
  'int4:128+nearest',
  'int4:128+head-int4:128+nearest',
  'int8:32',
  'int8:128',
  'f32+kv-int8',
] as const

/**
 * What a format of weights, or of keys and values, costs in quality: next-token distributions of each format against those of float32, over text that
 * the model itself writes at temperature 1, and over uniformly random tokens, which are far from any text. Time plays no
 * part: two runs on machines of one numeric class print the same.
 */
export async function benchQuality(settings: BenchSettings): Promise<BenchReport> {
  const { rounds, dataFolder, report } = settings
  const model = settings.model ?? 'demo'
  const open = (profile: string): Promise<Engine> => {
    const [weights = '', kv] = profile.split('+kv-')
    return openLocalEngine(dependencies, { model, weights, kv, dataFolder, threads: 1 })
  }
  report('f32: loading …')
  const exact = await open('f32')
  const samples: Samples = {}
  try {
    const texts = { own: await ownTexts(exact, rounds, report), random: randomTexts(exact, rounds) }
    for (const weights of formats) {
      report(`${weights}: loading …`)
      const rounded = await open(weights)
      try {
        const own = await compare(exact, rounded, texts.own)
        const random = await compare(exact, rounded, texts.random)
        Object.assign(samples, samplesOf(nameOf(weights), own, random))
        const bytes = weightBytes(rounded.manifest.manifest)
        samples[`bytesPerWeight${nameOf(weights)}`] = [round(bytes.inMemory)]
        samples[`fileBytesPerWeight${nameOf(weights)}`] = [round(bytes.inFiles)]
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
    median: medians(samples),
    notes: [
      'kl: mean Kullback-Leibler divergence of the next-token distribution from that of float32, in nats; topOneAgreement: share of positions with the same most likely token',
      'perplexity: of the text, given the tokens before; the text is what the float32 model writes at temperature 1, so that perplexityF32 is the least possible on average',
      'prompts of chats come from a file of questions, and are not judged',
      'Random: over uniformly random tokens',
      'bytesPerWeight: in memory once loaded; fileBytesPerWeight: on disk and on the wire',
    ],
  }
}

type Samples = Record<string, readonly number[]>

function samplesOf(name: string, own: readonly Comparison[], random: readonly Comparison[]): Samples {
  const by = (rounds: readonly Comparison[], figure: keyof Omit<Comparison, 'add'>): number[] =>
    rounds.map((comparison) => round(comparison[figure]))
  return {
    [`kl${name}`]: by(own, 'kl'),
    [`topOneAgreement${name}`]: by(own, 'topOneAgreement'),
    [`perplexity${name}`]: by(own, 'perplexity'),
    [`klRandom${name}`]: by(random, 'kl'),
    [`topOneAgreementRandom${name}`]: by(random, 'topOneAgreement'),
    perplexityF32: by(own, 'perplexityExact'),
    positions: by(own, 'positions'),
    positionsRandom: by(random, 'positions'),
  }
}

/** The end of a figure's name: `int4:128+head-int4:128` becomes `Int4b128HeadInt4b128`, `f32+kv-int8` becomes `KvInt8`. */
function nameOf(profile: string): string {
  const weights = profile.replace('f32+', '')
  const words = weights.replaceAll(':', 'b').split(/[+-]/)
  return words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')
}

/** One comparison for each round. */
async function compare(exact: Engine, rounded: Engine, texts: Texts): Promise<readonly Comparison[]> {
  const rounds: Comparison[] = []
  for (const round of texts) {
    const comparison = createComparison(exact.manifest.manifest.config.vocabularySize)
    for (const text of round)
      comparison.add(text, await logitsOf(exact, text.tokenIds), await logitsOf(rounded, text.tokenIds))
    rounds.push(comparison)
  }
  return rounds
}

async function logitsOf(engine: Engine, ids: readonly number[]): Promise<Float32Array> {
  const { logits } = await engine.forward(ids)
  if (logits === null) throw new Error('all blocks give logits')
  return logits
}
