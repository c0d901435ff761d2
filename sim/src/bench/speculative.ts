import { describeMachine } from './machine.ts'
import { benchModel, llama1B } from './model.ts'
import { medians, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { freeTexts, openDraftModel } from './speculative/free-text.ts'
import { measureTimes, stages } from './speculative/measured-times.ts'
import { compare } from './speculative/play.ts'
import { edited, repeated, worst } from './speculative/texts.ts'

/** Between any two of the five peers. */
const roundTripMs = 40

/**
 * How many times faster an answer comes with drafts than without, over four stages that are far apart. Sessions, stages and
 * drafts are the product's; links and calls take their times in virtual time, and the times of calls are measured before.
 */
export async function benchSpeculative(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const times = await measureTimes(model, settings, llama1B.blocks)
  const samples: Record<string, number[]> = {}
  const add = (name: string, value: number): void => void (samples[name] ??= []).push(round(value))
  settings.report('playing answers in virtual time …')
  const repeat = await compare(times, roundTripMs, await repeated())
  const edit = await compare(times, roundTripMs, await edited())
  add('ratioRepeat', repeat.ratio)
  add('ratioEdit', edit.ratio)
  for (const { drafted } of [repeat, edit]) {
    add('acceptedPerStep', drafted.accepted / drafted.steps)
    add('acceptedShare', drafted.accepted / drafted.drafted)
  }
  const draft = await openDraftModel(settings.dataFolder, times)
  try {
    for (const text of await freeTexts(settings.dataFolder)) {
      const { ratio, drafted } = await compare(times, roundTripMs, text, draft.drafterFor(text))
      add('ratioFree', ratio)
      add(text.sampling.temperature === 0 ? 'ratioFreeGreedy' : 'ratioFreeSampled', ratio)
      add('acceptedShareFree', drafted.accepted / drafted.drafted)
    }
  } finally {
    await draft.close()
  }
  for (let turn = 0; turn < settings.rounds; turn += 1) {
    const ratios: number[] = []
    for (const exchange of worst(turn + 1)) ratios.push((await compare(times, roundTripMs, exchange)).ratio)
    add('ratioWorst', Math.min(...ratios))
  }
  for (const rows of [1, 8, 16]) {
    add(`stageMs${rows}Rows`, times.stageMs(rows))
    add(`headMs${rows}Rows`, times.headMs(rows))
  }
  return {
    name: 'speculative',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { rounds: settings.rounds, stages, roundTripMs, threadsPerStage: 1 },
    samples,
    median: medians(samples),
    notes: [
      'links, and calls with their measured times, are played in virtual time; sessions, stages and drafts are the product itself',
      'each token was drawn from the same bits with drafts and without them',
      'free text: answers of the demo model, drafted by its draft model, whose steps take the part of a 1B model’s time that its parameters are of the demo model’s: 0.16',
    ],
  }
}
