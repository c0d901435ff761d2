import type { Engine } from '@shoal/swarm'
import { openShapes, type Shapes } from './flips/shapes.ts'
import { createTally, type Tally } from './flips/tally.ts'
import { dialogues, storyPrompts } from './flips/texts.ts'
import { describeMachine } from './machine.ts'
import { quantile, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'

/** Positions of written text, and the model's own answers, in each round. */
const textPositions = 1_000
const answers = 10
const answerTokensMax = 160

const formats = { F32: 'f32', Int8: 'int8:32', Int4: 'int4:32' } as const

/** A change of shape in the middle of an answer. */
const changes = {
  WholeToStages: ['whole', 'stages'],
  WholeToTwoRanks: ['whole', 'twoRanks'],
  WholeToThreeRanks: ['whole', 'threeRanks'],
  TwoToThreeRanks: ['twoRanks', 'threeRanks'],
} as const

/**
 * How often the greedy next token differs when an answer goes on in another shape (`continued`): the same tokens are
 * given to both, and their choices compared at each position. Time plays no part: two runs on one machine print the same.
 */
export async function benchFlips(settings: BenchSettings): Promise<BenchReport> {
  const model = settings.model ?? 'demo'
  const samples: Record<string, number[]> = {}
  const figures: Record<string, number> = {}
  for (const [format, weights] of Object.entries(formats)) {
    settings.report(`${weights}: loading one peer, two stages, two ranks and three …`)
    const shapes = await openShapes({ model, weights, dataFolder: settings.dataFolder })
    try {
      const texts = await readText(shapes, settings)
      const spoken = await readAnswers(shapes, settings)
      const [{ gaps }] = Object.values(texts) as [Tally]
      for (const [name, share] of Object.entries({ P01: 0.01, P10: 0.1, P50: 0.5 }))
        figures[`textGap${name}${format}`] = round(quantile(gaps, share))
      for (const change of Object.keys(changes) as (keyof typeof changes)[]) {
        const [text, answer] = [texts[change], spoken[change]]
        const name = `${change}${format}`
        const firstFlips = answer.firstFlips.filter((first) => first !== null)
        figures[`textFlipsPerThousand${name}`] = perThousand(text)
        figures[`answerFlipsPerThousand${name}`] = perThousand(answer)
        figures[`answersChanged${name}`] = firstFlips.length
        figures[`logitDifferenceMax${name}`] = round(
          Math.max(text.logitDifferenceMax, answer.logitDifferenceMax),
        )
        samples[`gapsAtFlips${name}`] = [...text.gapsAtFlips, ...answer.gapsAtFlips].map(round)
        samples[`firstFlips${name}`] = firstFlips
        if (firstFlips.length > 0) figures[`firstFlipMedian${name}`] = round(quantile(firstFlips, 0.5))
        for (const [of, share] of Object.entries({ P50: 0.5, P90: 0.9, Max: 1 })) {
          if (samples[`gapsAtFlips${name}`]!.length > 0)
            figures[`gapAtFlip${of}${name}`] = round(quantile(samples[`gapsAtFlips${name}`]!, share))
        }
        figures['textPositions'] = text.positions
        figures[`answerPositions${format}`] = answer.positions
      }
    } finally {
      await shapes.close()
    }
  }
  return {
    name: 'flips',
    machine: describeMachine(),
    model,
    settings: {
      rounds: settings.rounds,
      textPositions,
      answers: settings.rounds * answers,
      answerTokensMax,
      speedsOfThreeRanks: [2, 1, 1],
    },
    samples,
    median: { answers: settings.rounds * answers, ...figures },
    notes: [
      'text: reading questions with their answers, every position; answers: greedy answers of the first shape of a change to story prompts, its own choices given to both',
      'firstFlips: tokens of an answer before the first that differs, for those in which one does: what a free-running greedy answer has in common when all of it is computed in the other shape',
      'gap: the best logit less the second best, of the first shape; WholeToStages is the control: the same bits, so nothing may differ',
      'figures are counts and quantiles, not medians over rounds; each round adds text and answers',
    ],
  }
}

type Tallies = Record<keyof typeof changes, Tally>

function createTallies({ whole }: Shapes): Tallies {
  const { vocabularySize } = whole.manifest.manifest.config
  const tally = (): Tally => createTally(vocabularySize)
  return {
    WholeToStages: tally(),
    WholeToTwoRanks: tally(),
    WholeToThreeRanks: tally(),
    TwoToThreeRanks: tally(),
  }
}

async function readText(shapes: Shapes, { rounds, report }: BenchSettings): Promise<Tallies> {
  const tallies = createTallies(shapes)
  for (const [index, ids] of (await dialogues(tokenizerOf(shapes.whole), rounds * textPositions)).entries()) {
    const logits = {
      whole: await read(shapes.whole, ids),
      stages: await read(shapes.stages, ids),
      twoRanks: await read(shapes.twoRanks, ids),
      threeRanks: await read(shapes.threeRanks, ids),
    }
    for (const [change, [one, other]] of Object.entries(changes))
      tallies[change as keyof Tallies].add(logits[one], logits[other])
    if (index % 25 === 0) report(`text: ${tallies.WholeToStages.positions} positions`)
  }
  return tallies
}

/** The first shape of each change answers; what it has chosen is read by both. */
async function readAnswers(shapes: Shapes, { rounds, report }: BenchSettings): Promise<Tallies> {
  const tallies = createTallies(shapes)
  const prompts = await storyPrompts(tokenizerOf(shapes.whole), rounds * answers)
  for (const [index, prompt] of prompts.entries()) {
    for (const source of ['whole', 'twoRanks'] as const) {
      // The last token is chosen and not read.
      const ids = [...prompt, ...(await greedy(shapes[source], prompt))].slice(0, -1)
      const logits = await read(shapes[source], ids)
      for (const [change, [one, other]] of Object.entries(changes)) {
        if (one === source)
          tallies[change as keyof Tallies].add(logits, await read(shapes[other], ids), prompt.length - 1)
      }
    }
    if (index % 10 === 9) report(`${index + 1} answers`)
  }
  return tallies
}

async function read(engine: Engine, ids: readonly number[]): Promise<Float32Array> {
  const { logits } = await engine.forward(ids)
  if (logits === null) throw new Error('all blocks give logits')
  return logits
}

async function greedy(engine: Engine, promptIds: readonly number[]): Promise<readonly number[]> {
  for await (const event of engine.generate({
    promptIds,
    maxTokens: answerTokensMax,
    sampling: { ...engine.defaultSampling, temperature: 0, repetitionPenalty: 1 },
  })) {
    if (event.type === 'done') return event.result.tokenIds
  }
  throw new Error('a generation ended without a result')
}

function tokenizerOf({ tokenizer }: Engine): NonNullable<Engine['tokenizer']> {
  if (tokenizer === null) throw new Error('bench flips reads text: the model needs a tokenizer')
  return tokenizer
}

function perThousand({ gapsAtFlips, positions }: Tally): number {
  return round((1000 * gapsAtFlips.length) / positions)
}
