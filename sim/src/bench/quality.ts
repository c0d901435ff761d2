import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { wireFormats } from '@shoal/protocol'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { writeGgufCopy } from './llama-cpp/gguf-copy.ts'
import { describeMachine } from './machine.ts'
import { hopsOf } from './quality/hops.ts'
import { createComparison, type Comparison } from './quality/comparison.ts'
import { weightBytes } from './quality/weight-bytes.ts'
import { ownTexts, randomTexts, type Texts } from './quality/texts.ts'
import { medians, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/**
 * `--weights` of every format that is compared with float32; `f32+kv-int8`: exact weights with keys and values in int8;
 * `f32+wire-…`: exact weights over two stages whose hidden states travel so (`--wire`).
 */
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
  'f32+wire-f16',
  'f32+wire-int8',
] as const

const demoModelFolder = fileURLToPath(new URL('../../../packages/demo-model/model/', import.meta.url))

/** For quantised GGUF files, whose float32 are the values of their blocks. */
const formatsOfFile = ['gguf', 'int8:128', 'int8:32', 'int4:128', 'int4:32'] as const

/**
 * What a format of weights, or of keys and values, costs in quality: next-token distributions of each format against those of float32, over text that
 * the model itself writes at temperature 1, and over uniformly random tokens, which are far from any text. Time plays no
 * part: two runs on machines of one numeric class print the same.
 */
export async function benchQuality(settings: BenchSettings): Promise<BenchReport> {
  const { rounds, dataFolder, report } = settings
  const model = settings.model ?? 'demo'
  const isFile = model.toLowerCase().endsWith('.gguf')
  const judged = isFile ? formatsOfFile : formats
  const samples = await judge(settings, model, judged)
  if (model === 'demo') {
    const copy = join(dataFolder, 'bench', 'demo-Q4_K.gguf')
    report('demo in Q4_K: writing …')
    await mkdir(dirname(copy), { recursive: true })
    await writeGgufCopy(demoModelFolder, copy, 'Q4_K')
    // Only what belongs to the format: perplexities of f32 and positions are those of the copy's own text.
    for (const [figure, values] of Object.entries(await judge(settings, copy, ['gguf'])))
      if (figure.endsWith('Gguf')) samples[figure] = values
  }
  return {
    name: 'quality',
    machine: describeMachine(),
    model,
    settings: { rounds, formats: judged },
    samples,
    median: medians(samples),
    notes: [
      'Gguf: --weights gguf against the values of the same file in float32; for the demo model, of a copy in Q4_K',
      'kl: mean Kullback-Leibler divergence of the next-token distribution from that of float32, in nats; topOneAgreement: share of positions with the same most likely token',
      'perplexity: of the text, given the tokens before; the text is what the float32 model writes at temperature 1, so that perplexityF32 is the least possible on average',
      'prompts of chats come from a file of questions, and are not judged',
      'Random: over uniformly random tokens',
      'WireF16, WireInt8: over two stages, so three hops',
      'bytesPerWeight: in memory once loaded; fileBytesPerWeight: on disk and on the wire',
    ],
  }
}

/** Each format of a model against its float32. */
async function judge(
  { rounds, dataFolder, report }: BenchSettings,
  model: string,
  judged: readonly string[],
): Promise<Samples> {
  /** First block of the second stage. */
  let cut = 0
  const open = (profile: string): Promise<Engine> => {
    const [exactly = '', wire] = profile.split('+wire-')
    const [weights = '', kv] = exactly.split('+kv-')
    const hops =
      wire === undefined
        ? {}
        : hopsOf(
            wireFormats.find((format) => format === wire)!,
            cut,
          )
    return openLocalEngine(dependencies, { model, weights, kv, dataFolder, threads: 1, ...hops })
  }
  report('f32: loading …')
  const exact = await open('f32')
  cut = exact.manifest.manifest.config.blockCount >> 1
  const samples: Samples = {}
  try {
    const texts = { own: await ownTexts(exact, rounds, report), random: randomTexts(exact, rounds) }
    for (const weights of judged) {
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
  return samples
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
