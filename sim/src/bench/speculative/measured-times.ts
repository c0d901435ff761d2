import { systemClock } from '@shoal/host/node'
import type { BlockRunner, HeadRunner } from '@shoal/runtime'
import { median } from '../report.ts'
import { openParts } from './captured-parts.ts'

/** Times of calls by their rows, with which a route is played. */
export interface MeasuredTimes {
  /** Of a quarter of the blocks. */
  stageMs(rows: number): number
  headMs(rows: number): number
}

export const stages = 4
const rowsTimed = [1, 2, 4, 8, 16, 64]
/** Positions behind which the blocks are timed. */
const past = 256

/** Times a quarter of the model's blocks, and its head, on this machine with one thread. Between and behind the rows that are timed, times are linear. */
export async function measureTimes(
  model: string,
  settings: { readonly dataFolder: string; readonly rounds: number; readonly report: (line: string) => void },
  blocks: number,
): Promise<MeasuredTimes> {
  settings.report('loading a quarter of a 1B shape …')
  const { engine, runner, head } = await openParts(model, { ...settings, cut: blocks / stages })
  try {
    settings.report('timing its steps …')
    return await timeCalls(runner, head, settings.rounds)
  } finally {
    await engine.close()
  }
}

async function timeCalls(runner: BlockRunner, head: HeadRunner, rounds: number): Promise<MeasuredTimes> {
  const row = (rows: number): Float32Array =>
    Float32Array.from({ length: rows * runner.hiddenSize }, (_, index) => Math.sin(index))
  const stage = new Map<number, number[]>()
  const own = new Map<number, number[]>()
  await runner.open('times', 1024)
  await runner.forward('times', 0, row(past))
  for (let round = 0; round < 3 * rounds + 1; round += 1) {
    for (const rows of rowsTimed) {
      const hidden = row(rows)
      const startMs = systemClock.nowMs()
      const output = await runner.forward('times', past, hidden)
      const stageEndMs = systemClock.nowMs()
      await runner.truncate('times', past)
      const headStartMs = systemClock.nowMs()
      if (rows <= 16) await head.logits(output)
      // The first round grows buffers.
      if (round === 0) continue
      add(stage, rows, stageEndMs - startMs)
      if (rows <= 16) add(own, rows, systemClock.nowMs() - headStartMs)
    }
  }
  await runner.close('times')
  return { stageMs: linear(stage), headMs: linear(own) }
}

function add(series: Map<number, number[]>, rows: number, ms: number): void {
  series.set(rows, [...(series.get(rows) ?? []), ms])
}

/** Linear between the medians of the rows that were timed, and beyond the last two of them. */
function linear(series: ReadonlyMap<number, readonly number[]>): (rows: number) => number {
  const points = [...series].map(([rows, times]) => ({ rows, ms: median(times) }))
  return (rows) => {
    const above = Math.max(
      1,
      points.findIndex((point) => point.rows >= rows),
    )
    const [low, high] = rows > points.at(-1)!.rows ? points.slice(-2) : points.slice(above - 1, above + 1)
    return low!.ms + ((high!.ms - low!.ms) * (rows - low!.rows)) / (high!.rows - low!.rows)
  }
}
