import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { usualWeights } from '@shoal/model'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { openLlamaPeers, peerRatios, type OpenPeers, type PeerVariant } from './llama-cpp/llama-peers.ts'
import { describeMachine } from './machine.ts'
import { benchModel } from './model.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import { benchPrompt, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

const formats = { Int4: usualWeights, Int4Block32: 'int4:32', Int8: 'int8:32' } as const
const threadCounts = [1, 2]

/** Prompt tokens, by the suffix of the median's name. */
const lengths = { '': 128, Long: 512 } as const
const positions = Math.max(...Object.values(lengths)) + 1

/** llama.cpp beside the variants of the same names. */
const peerVariants = (threads: number): PeerVariant[] => [
  { name: `Int4Threads${threads}`, format: 'Q4_0', threads },
  { name: `Int8Threads${threads}`, format: 'Q8_0', threads },
]

/** Computes a prompt of random ids from nothing, up to its first token. */
interface Prefiller {
  readonly name: string
  readonly prefill: (promptIds: readonly number[]) => Promise<void>
}

/** Time to the first token of a prompt by the whole model in one process, interleaved by variant. */
export async function benchPrefill(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const samples: Record<string, number[]> = {}
  const notes = new Set<string>()
  for (const threads of threadCounts) {
    notes.add(await measure(model, threads, settings, samples))
    for (const suffix of Object.keys(lengths)) {
      samples[`ratioToBlock32Threads${threads}${suffix}`] = ratios(
        samples[`tokensPerSecondInt4Threads${threads}${suffix}`] ?? [],
        samples[`tokensPerSecondInt4Block32Threads${threads}${suffix}`] ?? [],
      )
      Object.assign(samples, peerRatios(samples, peerVariants(threads), suffix))
    }
  }
  return {
    name: 'prefill',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { rounds: settings.rounds, formats, lengths: Object.values(lengths) },
    samples,
    median: medians(samples),
    notes: [...notes],
  }
}

/** Adds tokens per second of each variant and length to `samples`. Returns what there is to say of llama.cpp. */
async function measure(
  model: string,
  threads: number,
  { dataFolder, rounds, report }: BenchSettings,
  samples: Record<string, number[]>,
): Promise<string> {
  const engines: Engine[] = []
  let llama: OpenPeers | null = null
  try {
    const prefillers: Prefiller[] = []
    for (const [name, weights] of Object.entries(formats)) {
      report(`loading ${weights} with ${threads} thread(s) …`)
      const engine = await openLocalEngine(dependencies, { model, weights, threads, dataFolder })
      engines.push(engine)
      prefillers.push({
        name: `${name}Threads${threads}`,
        prefill: (promptIds) => prefill(engine, promptIds),
      })
    }
    llama = await openLlamaPeers(peerVariants(threads), { model, positions, dataFolder }, report)
    for (const { variant, peer } of llama.peers)
      prefillers.push({ name: `Peer${variant.name}`, prefill: (promptIds) => peer.prompt(promptIds) })
    const { vocabularySize } = engines[0]!.manifest.manifest.config
    // The first round is not counted: buffers grow in it.
    for (let turn = -1; turn < rounds; turn += 1) {
      for (const { name, prefill } of turn % 2 === 0 ? prefillers : prefillers.toReversed()) {
        for (const [suffix, length] of Object.entries(lengths)) {
          const started = performance.now()
          await prefill(benchPrompt(vocabularySize, length))
          const speed = round((length * 1000) / (performance.now() - started))
          if (turn >= 0) (samples[`tokensPerSecond${name}${suffix}`] ??= []).push(speed)
        }
      }
      report(`${threads} thread(s): round ${turn + 1} of ${rounds}`)
    }
    return llama.note
  } finally {
    llama?.close()
    for (const engine of engines) await engine.close()
  }
}

async function prefill(engine: Engine, promptIds: readonly number[]): Promise<void> {
  const sampling = { ...engine.defaultSampling, temperature: 0 }
  for await (const event of engine.generate({ promptIds, maxTokens: 1, ignoreEos: true, sampling }))
    if (event.type === 'token') break
}
