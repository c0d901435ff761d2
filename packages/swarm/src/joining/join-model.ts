import { ShoalError, type SystemDependencies } from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { Directory, Transport } from '@shoal/network'
import { exchangeCharter } from '../admission/charter/charter-exchange.ts'
import { enterSwarm, type Entry } from '../admission/enter-swarm.ts'
import { serveBlobs } from '../weights/blobs/serve.ts'
import { serveHello, type HelloSelf } from './hello.ts'
import { createLinkRates, type LinkRates } from '../measuring/link-rates.ts'
import type { Scope } from '../scope.ts'
import { createReputation, type Reputation } from '../trust/reputation.ts'
import type { Progress } from '../types.ts'
import { openConnection, type ConnectionOptions } from './discovery/connection.ts'
import { agreeOnModel } from './agree-on-model.ts'
import { agent } from './ask-peer.ts'
import { packModel } from '../generation/local-engine.ts'
import { chooseProfile } from '../weights/profile/choose-profile.ts'
import { openModelStore, type ModelStore } from '../weights/model-store.ts'
import { embeddedReference, openReference } from '../weights/reference.ts'

export interface JoinModelOptions {
  readonly role: 'node' | 'client'
  readonly connection: ConnectionOptions
  /** A local copy of the model; needed when `join` is empty. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /**
   * Multiaddrs of members, and at most one invite; none creates a swarm, or finds one in the local network when there is no
   * model either. In the folder of a member of a private swarm the addresses that it remembers are used.
   */
  readonly join: readonly string[]
  /** Found a private swarm, where the data folder belongs to none. */
  readonly founds?: boolean | undefined
  /**
   * Multiaddrs of any Shoal peers, of whatever model: the way into the directory. The swarm of `model` is looked for there
   * before one is created.
   */
  readonly bootstrap?: readonly string[] | undefined
  /** Only the swarm of this manifest will do. */
  readonly manifestId?: string | undefined
  readonly dataFolder: string
  /** Told once, in a sentence, when the swarm is not ready and is asked again. */
  readonly onWait?: ((sentence: string) => void) | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A connection to peers, and the model that they and this peer agree on. */
export interface JoinedModel {
  readonly entry: Entry
  readonly transport: Transport
  readonly directory: Directory
  readonly manifest: IdentifiedManifest
  readonly store: ModelStore
  /** Measured rates of the links over which weights have come. */
  readonly rates: LinkRates
  /** What this process has seen of other peers. */
  readonly reputation: Reputation
  /** From now on only these of the connected peers are asked for weights: others belong to other swarms. */
  askOnly(members: () => readonly string[]): void
}

/** Creates or learns a swarm's model. Nodes then give its weights to others. What is opened is closed with `scope`. */
export async function joinModel(
  dependencies: SystemDependencies,
  options: JoinModelOptions,
  scope: Scope,
): Promise<JoinedModel> {
  const { clock, logger } = dependencies
  const { role, model, dataFolder, onProgress, signal, connection } = options
  const entry = await enterSwarm(dependencies, { ...options, founds: options.founds ?? false })
  const join = addressesOf(entry, model !== undefined)
  if (join.length === 0 && model === undefined && !connection.lan)
    throw new ShoalError('bad-request', 'a new swarm needs a model')
  const reference = model === undefined ? null : await openReference(model, { logger, signal })
  let store: ModelStore | null = null
  // The store closes the reference it was given.
  scope.onClose(() => (store === null ? reference?.source.close() : store.close()))

  const { transport, directory, discovery } = await openConnection(
    dependencies,
    // A node keeps its port, so that others find it again at the address that they noted.
    role === 'client' ? connection : { ...connection, portFolder: dataFolder },
    entry,
  )
  scope.onClose(() => transport.close())
  if (entry.charter !== null) exchangeCharter({ transport, clock, logger, charter: entry.charter })
  let announced: Names = nothing
  // A peer that dials this one while it packs or joins itself hears 'not ready', and not an unknown protocol.
  serveHello({ transport, clock, logger }, () => ({
    agent,
    role,
    ...announced,
    fetchedBytes: (store?.transfers() ?? []).reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
  }))
  const joining = { transport, directory, discovery, clock, logger }
  const { manifest, packed, giver } = await agreeOnModel(
    joining,
    { ...options, join },
    reference,
    async (own) => {
      const profile = await chooseProfile(own, options, signal)
      announced = { manifest: null, profile: formatProfile(profile), model: own.source.name }
      return packModel(own, profile, { ...options, logger, apart: role === 'node' })
    },
  )
  signal?.throwIfAborted()
  const sources = createWeightSources(transport, giver)
  const rates = createLinkRates(clock)
  const reputation = createReputation(clock)
  const peers = { transport, rates, reputation, candidates: () => sources.candidates() }
  store = await openModelStore(
    dataFolder,
    manifest,
    { clock, reference: reference ?? (await embeddedReference(manifest)), peers, onProgress },
    packed ?? undefined,
  )
  if (role === 'node') serveBlobs(transport, store.blobs, logger, clock)
  announced = namesOf(manifest)
  if (connection.lan) discovery.follow(() => ({ agent, role, ...announced }))
  return {
    entry,
    transport,
    directory,
    manifest,
    store,
    rates,
    reputation,
    askOnly: (members) => sources.askOnly(members),
  }
}

/** A peer with a model can begin alone: the members that it remembers find it, or it them, later. */
function addressesOf({ join, remembered }: Entry, hasModel: boolean): readonly string[] {
  return join.length > 0 || hasModel ? join : remembered
}

interface WeightSources {
  /** Peers that may be asked for weights now. */
  candidates(): string[]
  askOnly(members: () => readonly string[]): void
}

/** @param giver gave the manifest: it is asked also while no connection to it is up, between two dials or after a loss */
function createWeightSources(transport: Transport, giver: string | null): WeightSources {
  let members: (() => readonly string[]) | null = null
  return {
    candidates() {
      const known = members === null ? null : new Set(members())
      const connected = transport.connected().filter((id) => known === null || known.has(id))
      return [...new Set([...connected, ...(giver === null ? [] : [giver])])]
    },
    askOnly(those) {
      members = those
    },
  }
}

type Names = Pick<HelloSelf, 'manifest' | 'profile' | 'model'>
const nothing: Names = { manifest: null, profile: null, model: null }

function namesOf(manifest: IdentifiedManifest): Names {
  const { profile, name } = manifest.manifest
  return { manifest: manifest.id, profile: formatProfile(profile), model: name }
}
