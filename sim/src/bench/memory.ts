import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { modelCosts } from '@shoal/planner'
import type { Engine } from '@shoal/swarm'
import { chooseProfile, connectClient, openReference, type ClientPeer } from '@shoal/swarm/node'
import { startNodeProcess, type NodeProcess } from 'shoal/node-process'
import { describeMachine } from './machine.ts'
import { ownBytes } from './memory/own-bytes.ts'
import { measureStreaming } from './memory/streamed-span.ts'
import { benchModel } from './model.ts'
import { medians, round, type BenchReport } from './report.ts'
import { benchPrompt, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** Node.js, libp2p, onnxruntime and Shoal itself, without weights: what the goal allows a node beside its span. */
const programBytes = 200e6
/**
 * Memory for KV caches beside the weights: four answers take a quarter of it, and rows of closed sessions, which are kept for
 * answers that begin alike, soon fill the rest.
 */
const keyValueBytes = 64 * 2 ** 20
/** When the memory for KV caches is full of rows of closed sessions: what comes after that is growth. */
const filledAfterMinutes = 6
const promptTokens = 64
/** Answers at one time. */
const atOnce = 4
const minuteMs = 60_000

/**
 * Own memory of a node that serves the first half of a model: its anonymous pages, which no other process shares and which the
 * system cannot drop (Linux, `/proc/PID/smaps_rollup`). A round is a minute of answers, four at a time. The memory is read
 * after each round, when no session is open; KV caches of closed ones are kept as far as the budget has room.
 */
export async function benchMemory(settings: BenchSettings): Promise<BenchReport> {
  await ownBytes(process.pid)
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'))
  const nodes: NodeProcess[] = []
  const samples: Record<string, number[]> = {}
  const add = (name: string, value: number): void => void (samples[name] ??= []).push(round(value))
  let client: ClientPeer | null = null
  try {
    settings.report('starting two nodes …')
    const blockCount = await blocksOf(model)
    const half = Math.ceil(blockCount / 2)
    const spanBytes = half * (await blockBytesOf(model))
    const memoryKiB = Math.ceil((spanBytes + keyValueBytes) / 1024)
    const common = ['--threads', '1', '--memory', `${memoryKiB}KiB`]
    nodes.push(
      startNodeProcess([
        '--model',
        model,
        '--blocks',
        `0:${half}`,
        ...common,
        '--data',
        join(folder, 'first'),
      ]),
    )
    const address = (await nodes[0]!.ready).addrs[0]!
    const rest = ['--join', address, '--blocks', `${half}:${blockCount}`]
    nodes.push(startNodeProcess([...rest, ...common, '--data', join(folder, 'second')]))
    await nodes[1]!.ready
    client = await connectClient(dependencies, {
      join: [address],
      dataFolder: join(folder, 'client'),
      threads: 1,
    })
    await client.whenCovered(AbortSignal.timeout(2 * minuteMs))
    const engine = await client.engine()
    const measured = nodes[0]!.process.pid!
    add('spanBytes', spanBytes)
    add('ownBytesAtRest', await ownBytes(measured))
    for (let turn = 0; turn < settings.rounds; turn += 1) {
      const tokens = await answersOfOneMinute(engine, settings.tokens)
      const bytes = await ownBytes(measured)
      add('ownBytes', bytes)
      add('tokensPerMinute', tokens)
      settings.report(
        `minute ${turn + 1} of ${settings.rounds}: ${Math.round(bytes / 1e6)} MB of its own, ${Math.round(spanBytes / 1e6)} MB of weights, ${tokens} tokens`,
      )
    }
    const besideWeights = programBytes + keyValueBytes
    add('ownBytesOverSpan', (Math.max(...samples['ownBytes']!) - besideWeights) / spanBytes)
    await client.close()
    client = null
    for (const node of nodes.splice(0)) await node.stop()
    settings.report('streaming the weights of all blocks …')
    const streamed = await measureStreaming(model, (spanBytes / half) * blockCount, folder)
    add('streamedPeakBytes', streamed.peakBytes)
    add('streamedTokensPerSecond', streamed.tokensPerSecond)
    add('slidingWindowOverBudget', (streamed.peakBytes - programBytes) / streamed.budgetBytes)
  } finally {
    await client?.close()
    for (const node of nodes) await node.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return report(settings, samples)
}

function report(settings: BenchSettings, samples: Record<string, number[]>): BenchReport {
  const own = samples['ownBytes'] ?? []
  const notes = [
    'ownBytesOverSpan: the most own memory after any minute, less 200 MB and the 64 MiB that the budget has for KV caches, over the weights of the span',
    'the node has packed the model itself in this run; what packing leaves with the allocator is gone when it starts again',
    `growthAfterMinutes30: since minute ${filledAfterMinutes}, when kept rows have filled the memory for KV caches`,
    'slidingWindowOverBudget: the most own memory of a node whose budget is an eighth of the weights that it streams, less 200 MB, over the budget',
  ]
  // Buffers and compiled code grow in the first minutes under load, and rows of closed sessions fill the memory for KV caches.
  const growthSince = (minute: number): number =>
    (own.at(-1) ?? Number.NaN) / (own[minute - 1] ?? Number.NaN) - 1
  const growth = growthSince(2)
  if (own.length >= 30) samples['growthAfterMinutes30'] = [round(growthSince(filledAfterMinutes))]
  else if (own.length > 2) {
    samples[`growthAfterMinutes${own.length}`] = [round(growth)]
    notes.push('growthAfterMinutes30: --rounds 30 measures it; a round takes a minute')
  }
  return {
    name: 'memory',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { minutes: settings.rounds, tokens: settings.tokens, promptTokens, atOnce },
    samples,
    median: medians(samples),
    notes,
  }
}

async function blocksOf(model: string): Promise<number> {
  const { source } = await openReference(model)
  await source.close()
  return source.config.blockCount
}

/** Bytes of the weights of one block in the usual format. */
async function blockBytesOf(model: string): Promise<number> {
  const reference = await openReference(model)
  const profile = await chooseProfile(reference, {})
  await reference.source.close()
  return modelCosts(reference.source.config, profile).blockBytes
}

/** @returns the tokens of answers that began in this minute */
async function answersOfOneMinute(engine: Engine, maxTokens: number): Promise<number> {
  const endMs = systemClock.nowMs() + minuteMs
  const { vocabularySize } = engine.manifest.manifest.config
  let tokens = 0
  const askOn = async (): Promise<void> => {
    while (systemClock.nowMs() < endMs) {
      const request = {
        promptIds: benchPrompt(vocabularySize, promptTokens),
        maxTokens,
        ignoreEos: true,
        sampling: { ...engine.defaultSampling, temperature: 0 },
      }
      for await (const event of engine.generate(request)) if (event.type === 'token') tokens += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, askOn))
  return tokens
}
