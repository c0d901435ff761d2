import { ShoalError } from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { Transport } from '@shoal/network'
import { serveBlobs } from '../blobs/serve.ts'
import { serveHello } from '../hello.ts'
import { createLinkRates, type LinkRates } from '../link-rates.ts'
import type { Scope } from '../scope.ts'
import type { Progress } from '../types.ts'
import { openConnection, type ConnectionOptions } from './connection.ts'
import { agent, learnManifest } from './join.ts'
import { packReference } from './local-manifest.ts'
import { profileOf, type SystemDependencies } from './local-engine.ts'
import { openModelStore, type ModelStore } from './model-store.ts'
import { openReference, type Reference } from './reference.ts'

export interface JoinModelOptions {
  readonly role: 'node' | 'client'
  readonly connection: ConnectionOptions
  /** A local copy of the model; needed when `join` is empty. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /** Multiaddrs of members; none creates a swarm, or finds one in the local network when there is no model either. */
  readonly join: readonly string[]
  readonly dataFolder: string
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A connection to peers, and the model that they and this peer agree on. */
export interface JoinedModel {
  readonly transport: Transport
  readonly manifest: IdentifiedManifest
  readonly store: ModelStore
  /** Of the links that weights have come over. */
  readonly rates: LinkRates
}

/** Creates or learns a swarm's model. Nodes then give its weights to others. What is opened is closed with `scope`. */
export async function joinModel(dependencies: SystemDependencies, options: JoinModelOptions, scope: Scope): Promise<JoinedModel> {
  const { clock, logger } = dependencies
  const { role, model, dataFolder, onProgress, signal, connection } = options
  if (options.join.length === 0 && model === undefined && !connection.lan) throw new ShoalError('bad-request', 'a new swarm needs a model')
  const reference = model === undefined ? null : await openReference(model, signal === undefined ? {} : { signal })
  let store: ModelStore | null = null
  // The store closes the reference it was given.
  scope.onClose(() => (store === null ? reference?.source.close() : store.close()))

  const { transport, discovery } = await openConnection(dependencies, connection)
  scope.onClose(() => transport.close())
  let manifest: IdentifiedManifest | null = null
  // Whoever dials us while we pack or join ourselves hears that we are not ready, not that we speak something else.
  serveHello({ transport, clock, logger }, () => ({ agent, role, ...namesOf(manifest) }))

  // Without an address and a model the local network is asked for a swarm.
  const join = options.join.length > 0 || reference !== null ? options.join : [await discovery.firstAddress(signal)]
  const packed = join.length === 0 ? await packReference(needed(reference), profileOf(needed(reference), options), options) : null
  const { manifest: found, peer } = packed === null ? await learnManifest({ transport, clock, logger }, { ...options, join, reference }) : { manifest: packed.manifest, peer: null }
  signal?.throwIfAborted()
  // Who gave the manifest is asked for weights also while no connection to it is up: between two dials, after a loss.
  const candidates = (): string[] => [...new Set([...transport.connected(), ...(peer === null ? [] : [peer])])]
  const rates = createLinkRates(clock)
  store = await openModelStore(dataFolder, found, { clock, reference, peers: { transport, rates, candidates }, onProgress }, packed ?? undefined)
  if (role === 'node') serveBlobs(transport, store.blobs, logger)
  manifest = found
  if (connection.lan) discovery.follow(() => ({ agent, role, ...namesOf(found) }))
  return { transport, manifest, store, rates }
}

function namesOf(manifest: IdentifiedManifest | null): { manifest: string | null; profile: string | null; model: string | null } {
  if (manifest === null) return { manifest: null, profile: null, model: null }
  const { profile, name } = manifest.manifest
  return { manifest: manifest.id, profile: formatProfile(profile), model: name }
}

function needed(reference: Reference | null): Reference {
  if (reference === null) throw new ShoalError('bad-request', 'a new swarm needs a model')
  return reference
}
