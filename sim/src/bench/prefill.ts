import { silentLogger } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { usualWeights } from '@shoal/model'
import type { Engine } from '@shoal/swarm'
import { openLocalEngine } from '@shoal/swarm/node'
import { describeMachine } from './machine.ts'
import { benchModel } from './model.ts'
import { medians, ratios, round, type BenchReport } from './report.ts'
import { benchPrompt, type BenchSettings } from './settings.ts'

const dependencies = { clock: systemClock, random: systemRandom, logger: silentLogger }

const formats = { Int4: usualWeights, Int4Block32: 'int4:32', Int8: 'int8:32' } as const
const threadCounts = [1, 2]

/** Prompt tokens, by the suffix of the median's name. */
const lengths = { '': 128, Long: 512 } as const

/** Time to the first token of a prompt by the whole model in one process, interleaved by variant. */
export async function benchPrefill(settings: BenchSettings): Promise<BenchReport> {
  const model = await benchModel(settings.model, settings.dataFolder, settings.report)
  const samples: Record<string, number[]> = {}
  for (const threads of threadCounts) {
    const engines: { readonly name: string; readonly engine: Engine }[] = []
    try {
      for (const [name, weights] of Object.entries(formats)) {
        settings.report(`loading ${weights} with ${threads} thread(s) …`)
        const { dataFolder } = settings
        engines.push({
          name: `${name}Threads${threads}`,
          engine: await openLocalEngine(dependencies, { model, weights, threads, dataFolder }),
        })
      }
      // The first round is not counted: buffers grow in it.
      for (let turn = -1; turn < settings.rounds; turn += 1) {
        for (const { name, engine } of turn % 2 === 0 ? engines : engines.toReversed()) {
          for (const [suffix, length] of Object.entries(lengths)) {
            const speed = round(await tokensPerSecond(engine, length))
            if (turn >= 0) (samples[`tokensPerSecond${name}${suffix}`] ??= []).push(speed)
          }
        }
        settings.report(`${threads} thread(s): round ${turn + 1} of ${settings.rounds}`)
      }
    } finally {
      for (const { engine } of engines) await engine.close()
    }
    for (const suffix of Object.keys(lengths)) {
      samples[`ratioToBlock32Threads${threads}${suffix}`] = ratios(
        samples[`tokensPerSecondInt4Threads${threads}${suffix}`] ?? [],
        samples[`tokensPerSecondInt4Block32Threads${threads}${suffix}`] ?? [],
      )
    }
  }
  return {
    name: 'prefill',
    machine: describeMachine(),
    model: settings.model ?? 'random, Llama-3.2-1B shape',
    settings: { rounds: settings.rounds, formats, lengths: Object.values(lengths) },
    samples,
    median: medians(samples),
    notes: ['ratios over llama.cpp are left out: llama.cpp is not looked for'],
  }
}

async function tokensPerSecond(engine: Engine, length: number): Promise<number> {
  const started = performance.now()
  const promptIds = benchPrompt(engine.manifest.manifest.config.vocabularySize, length)
  const sampling = { ...engine.defaultSampling, temperature: 0 }
  for await (const event of engine.generate({ promptIds, maxTokens: 1, ignoreEos: true, sampling }))
    if (event.type === 'token') break
  return (length * 1000) / (performance.now() - started)
}
