import { randomHex, type Clock, type Logger, type Random } from '@shoal/host'
import { parseProfile, unitNames, type NumericProfile } from '@shoal/model'
import { createOnnxDevice, type BlockRunner } from '@shoal/runtime'
import { createLocalSession } from '@shoal/session'
import { createEngine } from '../engine.ts'
import type { Engine, Progress } from '../types.ts'
import { packReference } from './local-manifest.ts'
import { openModelStore } from './model-store.ts'
import { openReference, type Reference } from './reference.ts'

export interface SystemDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface LocalEngineOptions {
  /** `demo` or a folder. */
  readonly model: string
  /** `f32`, `int8[:BLOCK]`, `int4[:BLOCK]`; the model's default when absent. */
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  readonly dataFolder: string
  readonly threads: number
  /** Cut into spans as a swarm would be; one span when absent. For tests and benchmarks. */
  readonly cuts?: readonly number[] | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The whole model in this process, without a network: the reference that swarms are compared with. */
export async function openLocalEngine(dependencies: SystemDependencies, options: LocalEngineOptions): Promise<Engine> {
  const { clock, random, logger } = dependencies
  const reference = await openReference(options.model)
  const folder = await packReference(reference, profileOf(reference, options), options)
  const { manifest } = folder
  const { config } = manifest.manifest
  const store = await openModelStore(options.dataFolder, manifest, { clock, reference, peers: null, onProgress: options.onProgress }, folder)
  const device = await createOnnxDevice({ manifest, folder: store.path, threads: options.threads, logger })
  try {
    await store.ensureUnits(unitNames(config), options.signal)
    const bounds = [0, ...(options.cuts ?? []), config.blockCount]
    const loaded: BlockRunner[] = []
    for (let i = 0; i + 1 < bounds.length; i += 1) {
      loaded.push(await device.loadBlocks({ start: bounds[i]!, end: bounds[i + 1]! }, { memoryLimitBytes: Number.MAX_SAFE_INTEGER }))
    }
    const [embedding, head] = [await device.loadEmbedding(), await device.loadHead()]
    const engine = createEngine({
      clock,
      manifest,
      tokenizer: await store.tokenizer(options.signal),
      defaultSampling: await store.defaultSampling(options.signal),
      embedding,
      head,
      openSession: (tokenBudget) => createLocalSession(loaded, { session: randomHex(random, 16), tokenBudget }),
      async openPartialSession(end, tokenBudget) {
        const runner = await device.loadBlocks({ start: 0, end }, { memoryLimitBytes: Number.MAX_SAFE_INTEGER })
        const session = await createLocalSession([runner], { session: randomHex(random, 16), tokenBudget })
        return { ...session, length: 0, close: () => runner.release() }
      },
      async close() {
        await embedding.release()
        await device.close()
        await store.close()
      },
    })
    return engine
  } catch (error) {
    await device.close()
    await store.close()
    throw error
  }
}

export function profileOf(reference: Reference, options: { weights?: string | undefined; kv?: string | undefined }): NumericProfile {
  const { weights, kv } = reference.defaultProfile
  const base = weights === 'f32' ? 'f32' : `${weights}:${reference.defaultProfile.blockSize}`
  return parseProfile(options.weights ?? base, options.kv ?? kv)
}
