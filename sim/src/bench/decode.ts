import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { ggufWeights, parseProfile, usualWeights } from '@shoal/model'
import { openLocalEngine } from '@shoal/swarm/node'
import type { Engine } from '@shoal/swarm'
import { decodeInterleaved } from './interleaved.ts'
import { openLlamaPeers, peerRatios, type PeerVariant } from './llama-cpp/llama-peers.ts'
import { describeMachine } from './machine.ts'
import { benchModel } from './model.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import { promptTokens, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** Tokens of one turn: a third of a second of a 1B model, so that a disturbance of a second hits all variants. */
const turnTokens = 8

interface Variant {
  /** Suffix of the median's name after `tokensPerSecond`. */
  readonly name: string
  readonly weights: string
  readonly threads: number
}

const variants: readonly Variant[] = [
  { name: 'Int4Threads1', weights: usualWeights, threads: 1 },
  { name: 'Int4Threads2', weights: usualWeights, threads: 2 },
  { name: 'Int8Threads1', weights: 'int8:32', threads: 1 },
  { name: 'Int8Threads2', weights: 'int8:32', threads: 2 },
  { name: 'Int4Block32Threads1', weights: 'int4:32', threads: 1 },
  { name: 'Int4Block32Threads2', weights: 'int4:32', threads: 2 },
]

/** For GGUF files: the formats of the file itself. */
const variantsOfFile: readonly Variant[] = [
  { name: 'GgufThreads1', weights: ggufWeights, threads: 1 },
  { name: 'GgufThreads2', weights: ggufWeights, threads: 2 },
]

/** llama.cpp beside the variants of the same names. */
const peerVariants: readonly PeerVariant[] = [
  { name: 'Int4Threads1', format: 'Q4_0', threads: 1 },
  { name: 'Int4Threads2', format: 'Q4_0', threads: 2 },
  { name: 'Int8Threads1', format: 'Q8_0', threads: 1 },
  { name: 'Int8Threads2', format: 'Q8_0', threads: 2 },
]

/** Greedy decoding by the whole model in one process: the path of `shoal generate --local`, interleaved by variant. */
export async function benchDecode(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const isFile = model.toLowerCase().endsWith('.gguf')
  const measured = isFile ? [...variants, ...variantsOfFile] : variants
  const samples: Record<string, number[]> = {}
  const engines: { variant: Variant; engine: Engine }[] = []
  const turns = settings.rounds * Math.ceil(settings.tokens / turnTokens)
  const positions = promptTokens + (turns + 2) * turnTokens
  const { dataFolder, report } = settings
  const llama = await openLlamaPeers(peerVariants, { model, positions, dataFolder }, report)
  try {
    for (const variant of measured) {
      settings.report(`loading ${variant.weights} with ${variant.threads} thread(s) …`)
      const engine = await openLocalEngine(dependencies, {
        model,
        weights: variant.weights,
        threads: variant.threads,
        dataFolder: settings.dataFolder,
      })
      engines.push({ variant, engine })
    }
    const open = engines.map(({ engine }) => engine)
    const speeds = await decodeInterleaved(open, {
      turns,
      turnTokens,
      warmUpTurns: 1,
      report: (turn) => settings.report(`turn ${turn} of ${turns}`),
      peers: {
        peers: llama.peers.map(({ peer }) => peer),
        vocabularySize: open[0]!.manifest.manifest.config.vocabularySize,
      },
    })
    for (const [index, { variant }] of engines.entries())
      samples[`tokensPerSecond${variant.name}`] = speeds[index]!.map(round)
    for (const [index, { variant }] of llama.peers.entries())
      samples[`tokensPerSecondPeer${variant.name}`] = speeds[engines.length + index]!.map(round)
  } finally {
    llama.close()
    for (const { engine } of engines) await engine.close()
  }
  Object.assign(samples, peerRatios(samples, peerVariants))
  for (const threads of ['Threads1', 'Threads2']) {
    const int4 = samples[`tokensPerSecondInt4${threads}`] ?? []
    samples[`ratioToBlock32${threads}`] = ratios(int4, samples[`tokensPerSecondInt4Block32${threads}`] ?? [])
    if (isFile)
      samples[`ratioGgufToInt4${threads}`] = ratios(samples[`tokensPerSecondGguf${threads}`] ?? [], int4)
  }
  samples['ratioTwoThreadsToOneInt4'] = ratios(
    samples['tokensPerSecondInt4Threads2'] ?? [],
    samples['tokensPerSecondInt4Threads1'] ?? [],
  )
  return {
    name: 'decode',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: {
      rounds: settings.rounds,
      tokens: settings.tokens,
      turnTokens,
      promptTokens,
      graphForm: 'canonical-1',
    },
    samples,
    median: { ...medians(samples), int4Block: parseProfile(usualWeights).formats.attention.blockSize },
    notes: [llama.note],
  }
}
