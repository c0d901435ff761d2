import { createMatchers } from '@shoal/grammar/node'
import { randomHex, silentLogger, type SystemDependencies, unlimitedMemory } from '@shoal/host'
import { systemClock, systemRandom } from '@shoal/host/node'
import { unitNames, type IdentifiedManifest, type NumericProfile } from '@shoal/model'
import type { PackedFolder } from '@shoal/model/node'
import {
  createDevice,
  type BlockRunner,
  type Device,
  type EmbeddingTable,
  type HeadRunner,
} from '@shoal/runtime'
import { createLocalSession, type HiddenSession, type LocalSessionOptions } from '@shoal/session'
import { createEngine } from './engine.ts'
import { inScope, type Scope } from '../scope.ts'
import type { Engine, Progress } from '../types.ts'
import { calibrate } from '../weights/calibrated/calibrate.ts'
import { packReference, type PackOptions } from '../weights/local-manifest.ts'
import { openModelStore, type ModelStore } from '../weights/model-store.ts'
import { chooseProfile } from '../weights/profile/choose-profile.ts'
import { openReference, type Reference } from '../weights/reference.ts'

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
  /** What computes instead of the device of this process alone: it leads a group, or is timed. For benchmarks. */
  readonly wrap?: ((own: Device, manifest: IdentifiedManifest) => Device) | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The whole model in this process, without a network: the reference that swarms are compared with. */
export function openLocalEngine(
  dependencies: SystemDependencies,
  options: LocalEngineOptions,
): Promise<Engine> {
  return inScope((scope) => open(dependencies, options, scope))
}

/** All parts of a model that is computed in this process. `scope` closes them. */
export interface LocalModel {
  readonly device: Device
  readonly store: ModelStore
  readonly manifest: IdentifiedManifest
  readonly runners: readonly BlockRunner[]
  readonly embedding: EmbeddingTable
  readonly head: HeadRunner
}

async function open(
  dependencies: SystemDependencies,
  options: LocalEngineOptions,
  scope: Scope,
): Promise<Engine> {
  const { clock, random } = dependencies
  const { device, store, manifest, runners, embedding, head } = await openLocalModel(
    dependencies,
    options,
    scope,
  )
  const openPartOf = async (end: number, session: LocalSessionOptions): Promise<HiddenSession> =>
    openPart(() => loadBlocks(device, 0, end, options.signal), session)
  return createEngine({
    clock,
    manifest,
    openMatchers: createMatchers,
    tokenizer: await store.tokenizer(options.signal),
    defaultSampling: await store.defaultSampling(options.signal),
    embedding,
    head,
    openSession: (tokenBudget) =>
      createLocalSession(runners, { session: randomHex(random, 16), tokenBudget }),
    openPartialSession: (end, tokenBudget) =>
      openPartOf(end, { session: randomHex(random, 16), tokenBudget }),
    close: () => scope.close(),
  })
}

const loadBlocks = (
  device: Device,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<BlockRunner> =>
  device.loadBlocks(
    { start, end },
    { memory: unlimitedMemory(), ...(signal === undefined ? {} : { signal }) },
  )

/** Opens, packs and loads a whole model. */
export async function openLocalModel(
  { clock, logger }: SystemDependencies,
  options: LocalEngineOptions,
  scope: Scope,
): Promise<LocalModel> {
  const { onProgress, signal, threads } = options
  const reference = await openReference(options.model, { logger, signal })
  let store: ModelStore | null = null
  // The store closes the reference it was given.
  scope.onClose(() => (store === null ? reference.source.close() : store.close()))
  const folder = await packModel(reference, await chooseProfile(reference, options), { ...options, logger })
  const { manifest } = folder
  const { config } = manifest.manifest
  store = await openModelStore(
    options.dataFolder,
    manifest,
    { clock, reference, peers: null, onProgress },
    folder,
  )
  const own = await createDevice({ kind: 'onnx', manifest, folder: store.path, threads, logger })
  scope.onClose(() => own.close())
  const device = options.wrap?.(own, manifest) ?? own
  await store.ensureUnits(unitNames(config), signal)

  const bounds = [0, ...(options.cuts ?? []), config.blockCount]
  const runners: BlockRunner[] = []
  for (let i = 0; i + 1 < bounds.length; i += 1)
    runners.push(await loadBlocks(device, bounds[i]!, bounds[i + 1]!, signal))
  const embedding = await device.loadEmbedding()
  scope.onClose(() => embedding.release())
  return { device, store, manifest, runners, embedding, head: await device.loadHead() }
}

/** A session over runners of its own, freed with it. */
async function openPart(
  load: () => Promise<BlockRunner>,
  options: LocalSessionOptions,
): Promise<HiddenSession> {
  const runner = await load()
  try {
    const session = await createLocalSession([runner], options)
    return {
      get length() {
        return session.length
      },
      forward: (hidden, wants) => session.forward(hidden, wants),
      route: () => session.route(),
      failovers: session.failovers,
      moves: session.moves,
      continuity: session.continuity,
      close: () => runner.release(),
    }
  } catch (error) {
    await runner.release()
    throw error
  }
}

/** As {@link packReference}; calibrates the model where the profile says so, with an engine of this process. */
export function packModel(
  reference: Reference,
  profile: NumericProfile,
  options: PackOptions,
): Promise<PackedFolder> {
  const logger = options.logger ?? silentLogger
  const dependencies: SystemDependencies = { clock: systemClock, random: systemRandom, logger }
  return packReference(reference, profile, {
    ...options,
    calibrate: () => calibrate(reference, profile, options, (own) => openLocalEngine(dependencies, own)),
  })
}
