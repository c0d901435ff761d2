import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@shoal/host/node'
import { llama1B, benchModel } from './model.ts'
import { describeMachine } from './machine.ts'
import { openPipeline } from './process-pipeline.ts'
import { medians, quantile, ratios, round, type BenchReport } from './report.ts'
import type { BenchSettings } from './settings.ts'
import { numberedPrompt, OpenAnswer, timeToFirstToken } from './throughput/open-answer.ts'

const sessions = 16
/** Of each of the two processes. */
const threads = 1
/** The head takes as long as so many blocks (docs/numerics.md), and the process of the second stage computes it. */
const headBlocks = 3.5
/** Tokens of every session in one turn: turns of one session and of sixteen alternate, because the machine is shared. */
const turnTokens = 8
const warmUpTurns = 2
/** Tokens of each answer, with drafts and without: long enough that an answer learns what its drafts are worth. */
const draftedTokens = 24
const shortPromptTokens = 16
const longPromptTokens = 2000
/** Rows of a prompt's chunk. */
const chunkRows = 128
/** Short prompts beside one long prompt, one after the other. */
const shortPromptsBeside = 3
/** Tokens of each session that are compared with those of a run of its own. */
const comparedTokens = 12

/** Sixteen answers at once against one, over two stages, and a short prompt beside a long one. */
export async function benchThroughput(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'))
  const samples: Record<string, number[]> = {}
  const notes: string[] = []
  settings.report('loading two processes …')
  const pipeline = await openPipeline({
    model,
    weights: settings.weights,
    processes: 2,
    blockCount: llama1B.blocks,
    firstBlocks: Math.round((llama1B.blocks + headBlocks) / 2),
    threads,
    dataFolder: settings.dataFolder,
    folder,
  })
  try {
    const { engine } = pipeline
    const answer = (prompt: number, length: number, drafts = false): OpenAnswer =>
      new OpenAnswer(engine, numberedPrompt(engine, prompt, length), drafts)
    settings.report('sixteen sessions and one in turns …')
    const solo = answer(0, shortPromptTokens)
    const crowd = Array.from({ length: sessions }, (_, index) => answer(index + 1, shortPromptTokens))
    await decodeInTurns(settings, solo, crowd, samples)
    settings.report('shares …')
    samples['smallestShare'] = [await smallestShare(crowd, settings.rounds)]
    await Promise.all([solo, ...crowd].map((one) => one.close()))
    settings.report('tokens of solo runs …')
    const changed = await changedSessions(crowd, (index) => answer(index + 1, shortPromptTokens))
    if (changed > 0) throw new Error(`${changed} sessions have other tokens than runs of their own`)
    notes.push(
      `the first ${comparedTokens} tokens of each of ${sessions} sessions are those of a run of its own`,
    )
    settings.report('sixteen answers with drafts and without …')
    await compareDrafts(settings, (index, drafts) => answer(index + 1, shortPromptTokens, drafts), samples)
    settings.report('short prompts beside long ones …')
    await shortBesideLong(settings, answer, samples)
  } finally {
    await pipeline.close()
    await rm(folder, { recursive: true, force: true })
  }
  return {
    name: 'throughput',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { rounds: settings.rounds, sessions, turnTokens, stages: 2, threadsPerProcess: threads },
    samples,
    median: {
      ...medians(samples),
      ttftMsP99: round(quantile(samples['ttftMsBesidePrefill'] ?? [], 0.99)),
    },
    notes: [
      ...notes,
      'ratioSixteenToPeer: llama.cpp is not measured here',
      'ttftRatioBesidePrefill: the time to the first token of a short prompt beside one of 2,000 tokens, over twice its idle time and the time of one chunk of the long one alone; the goal is 1 at the 99th percentile',
    ],
  }
}

async function decodeInTurns(
  { rounds, report }: BenchSettings,
  solo: OpenAnswer,
  crowd: readonly OpenAnswer[],
  samples: Record<string, number[]>,
): Promise<void> {
  const one: number[] = []
  const sixteen: number[] = []
  await Promise.all([solo, ...crowd].map((answer) => answer.take(1)))
  const timed = async (answers: readonly OpenAnswer[]): Promise<number> => {
    const startMs = systemClock.nowMs()
    await Promise.all(answers.map((answer) => answer.take(turnTokens)))
    return (answers.length * turnTokens * 1000) / (systemClock.nowMs() - startMs)
  }
  for (let turn = -warmUpTurns; turn < rounds * 2; turn += 1) {
    report(`turn ${turn} of ${rounds * 2}`)
    const alone = [solo]
    const both = turn % 2 === 0 ? [alone, crowd] : [crowd, alone]
    for (const answers of both) {
      const speed = await timed(answers)
      if (turn >= 0) (answers === crowd ? sixteen : one).push(round(speed))
    }
  }
  samples['tokensPerSecondOneSession'] = one
  samples['tokensPerSecondSixteenSessions'] = sixteen
  samples['ratioSixteenSessions'] = ratios(sixteen, one)
}

/**
 * Sixteen whole answers with drafts, and the same answers without. They are not compared in turns of a few tokens, as
 * windows of drafts would be computed in the turns of others.
 */
async function compareDrafts(
  { rounds, report }: BenchSettings,
  answer: (index: number, drafts: boolean) => OpenAnswer,
  samples: Record<string, number[]>,
): Promise<void> {
  const speeds: Record<'plain' | 'drafted', number[]> = { plain: [], drafted: [] }
  for (let round_ = 0; round_ < rounds; round_ += 1) {
    report(`answers with drafts, round ${round_ + 1}`)
    const kinds = ['plain', 'drafted'] as const
    const tokens: Record<string, readonly number[]> = {}
    for (const kind of round_ % 2 === 0 ? kinds : kinds.toReversed()) {
      const crowd = Array.from({ length: sessions }, (_, index) => answer(index, kind === 'drafted'))
      await Promise.all(crowd.map((one) => one.take(1)))
      const startMs = systemClock.nowMs()
      await Promise.all(crowd.map((one) => one.take(draftedTokens)))
      speeds[kind].push(round((sessions * draftedTokens * 1000) / (systemClock.nowMs() - startMs)))
      tokens[kind] = crowd.flatMap((one) => one.tokenIds)
      await Promise.all(crowd.map((one) => one.close()))
    }
    if (JSON.stringify(tokens['plain']) !== JSON.stringify(tokens['drafted']))
      throw new Error('answers with drafts have other tokens than answers without')
  }
  samples['tokensPerSecondSixteenDrafting'] = speeds.drafted
  samples['ratioDraftingToPlain'] = ratios(speeds.drafted, speeds.plain)
}

/** Lets all sessions run freely, and compares their tokens after so many seconds. */
async function smallestShare(crowd: readonly OpenAnswer[], seconds: number): Promise<number> {
  const untilMs = systemClock.nowMs() + seconds * 1000
  const before = crowd.map((answer) => answer.tokenIds.length)
  await Promise.all(
    crowd.map(async (answer) => {
      while (systemClock.nowMs() < untilMs) await answer.take(1)
    }),
  )
  const made = crowd.map((answer, index) => answer.tokenIds.length - before[index]!)
  return round(Math.min(...made) / (made.reduce((sum, tokens) => sum + tokens, 0) / made.length))
}

async function changedSessions(
  crowd: readonly OpenAnswer[],
  alone: (index: number) => OpenAnswer,
): Promise<number> {
  let changed = 0
  for (const [index, answer] of crowd.entries()) {
    const own = alone(index)
    await own.take(comparedTokens)
    await own.close()
    if (own.tokenIds.some((id, position) => id !== answer.tokenIds[position])) changed += 1
  }
  return changed
}

/** The time to the first token of short prompts: alone, and while a prompt of 2,000 tokens is being computed, which is also timed alone. */
async function shortBesideLong(
  { rounds, report }: BenchSettings,
  answer: (prompt: number, length: number) => OpenAnswer,
  samples: Record<string, number[]>,
): Promise<void> {
  const series = {
    idle: [] as number[],
    chunk: [] as number[],
    beside: [] as number[],
    ratio: [] as number[],
    slowed: [] as number[],
  }
  let prompt = 100
  const short = (): Promise<number> => timeToFirstToken(answer((prompt += 1), shortPromptTokens))
  await short()
  for (let round_ = 0; round_ < Math.min(rounds, 3); round_ += 1) {
    report(`long prompt ${round_ + 1}`)
    const idleMs = await short()
    const chunks = Math.ceil(longPromptTokens / chunkRows)
    const chunkMs = (await timeToFirstToken(answer((prompt += 1), longPromptTokens))) / chunks
    const long = timeToFirstToken(answer((prompt += 1), longPromptTokens))
    const beside: number[] = []
    for (let made = 0; made < shortPromptsBeside; made += 1) beside.push(await short())
    series.slowed.push(round((await long) / chunks / chunkMs))
    series.idle.push(round(idleMs))
    series.chunk.push(round(chunkMs))
    series.beside.push(...beside.map(round))
    series.ratio.push(...beside.map((ms) => round(ms / (2 * idleMs + chunkMs))))
  }
  samples['ttftMsIdle'] = series.idle
  samples['chunkMs'] = series.chunk
  samples['ttftMsBesidePrefill'] = series.beside
  samples['ttftRatioBesidePrefill'] = series.ratio
  samples['longPromptSlowedBesideShort'] = series.slowed
}
