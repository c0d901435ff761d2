import { ShoalError, type SystemDependencies } from '@shoal/host'
import { formatProfile, type IdentifiedManifest } from '@shoal/model'
import type { PackedFolder } from '@shoal/model/node'
import type { Directory, Transport } from '@shoal/network'
import { serveBlobs } from '../weights/blobs/serve.ts'
import { serveHello, type HelloSelf } from './hello.ts'
import { createLinkRates, type LinkRates } from '../measuring/link-rates.ts'
import type { Scope } from '../scope.ts'
import { createReputation, type Reputation } from '../trust/reputation.ts'
import type { Progress } from '../types.ts'
import { openConnection, type ConnectionOptions } from './discovery/connection.ts'
import { agent, type JoinDependencies, type LearnedManifest } from './ask-peer.ts'
import { findByBootstrap } from '../directory/find-in-directory.ts'
import { learnManifest } from './join.ts'
import { packReference } from '../weights/local-manifest.ts'
import { profileOf } from '../generation/local-engine.ts'
import { openModelStore, type ModelStore } from '../weights/model-store.ts'
import { openReference, type Reference } from '../weights/reference.ts'

export interface JoinModelOptions {
  readonly role: 'node' | 'client'
  readonly connection: ConnectionOptions
  /** A local copy of the model; needed when `join` is empty. */
  readonly model?: string | undefined
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  /** Multiaddrs of members; none creates a swarm, or finds one in the local network when there is no model either. */
  readonly join: readonly string[]
  /**
   * Multiaddrs of any Shoal peers, of whatever model: the way into the directory. The swarm of `model` is looked for there
   * before one is created.
   */
  readonly bootstrap?: readonly string[] | undefined
  /** Only the swarm of this manifest will do. */
  readonly manifestId?: string | undefined
  readonly dataFolder: string
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A connection to peers, and the model that they and this peer agree on. */
export interface JoinedModel {
  readonly transport: Transport
  readonly directory: Directory
  readonly manifest: IdentifiedManifest
  readonly store: ModelStore
  /** Of the links that weights have come over. */
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
  if (options.join.length === 0 && model === undefined && !connection.lan)
    throw new ShoalError('bad-request', 'a new swarm needs a model')
  const reference = model === undefined ? null : await openReference(model, { logger, signal })
  let store: ModelStore | null = null
  // The store closes the reference it was given.
  scope.onClose(() => (store === null ? reference?.source.close() : store.close()))

  const { transport, directory, discovery } = await openConnection(dependencies, connection)
  scope.onClose(() => transport.close())
  let said: Names = nothing
  // Whoever dials us while we pack or join ourselves hears that we are not ready, not that we speak something else.
  serveHello({ transport, clock, logger }, () => ({
    agent,
    role,
    ...said,
    fetchedBytes: (store?.transfers() ?? []).reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
  }))

  const joining: JoinDependencies = { transport, directory, clock, logger }
  const learn = async (join: readonly string[]): Promise<LearnedManifest | null> => {
    const learned = await learnManifest(joining, { ...options, join, reference })
    if (learned === null) logger.info('swarm-created', { because: 'those that were asked wait for a model' })
    return learned
  }
  const create = async (own: Reference): Promise<PackedFolder> => {
    const profile = profileOf(own, options)
    said = { manifest: null, profile: formatProfile(profile), model: own.source.name }
    return packReference(own, profile, options)
  }
  // All machines may be given one command: the address of the one that is asked first is then its own.
  const others = options.join.filter((address) => !isOwn(transport, address))
  const alone = options.join.length === 0
  const learned =
    alone && reference !== null
      ? await findByBootstrap(joining, { ...options, reference }, options.bootstrap ?? [])
      : await learn(alone ? [await discovery.firstAddress(signal)] : others)
  const packed = learned === null ? await create(needed(reference)) : null
  const found = packed?.manifest ?? needed(learned).manifest
  const peer = learned?.peer ?? null
  signal?.throwIfAborted()
  // Who gave the manifest is asked for weights also while no connection to it is up: between two dials, after a loss.
  let members: (() => readonly string[]) | null = null
  const candidates = (): string[] => {
    const known = members === null ? null : new Set(members())
    const connected = transport.connected().filter((id) => known === null || known.has(id))
    return [...new Set([...connected, ...(peer === null ? [] : [peer])])]
  }
  const rates = createLinkRates(clock)
  const reputation = createReputation(clock)
  store = await openModelStore(
    dataFolder,
    found,
    { clock, reference, peers: { transport, rates, reputation, candidates }, onProgress },
    packed ?? undefined,
  )
  if (role === 'node') serveBlobs(transport, store.blobs, logger)
  said = namesOf(found)
  if (connection.lan) discovery.follow(() => ({ agent, role, ...said }))
  return {
    transport,
    directory,
    manifest: found,
    store,
    rates,
    reputation,
    askOnly(those) {
      members = those
    },
  }
}

/** With or without the peer id at its end. */
function isOwn(transport: Transport, address: string): boolean {
  return (
    address.endsWith(`/p2p/${transport.peerId}`) ||
    transport.addresses().includes(`${address}/p2p/${transport.peerId}`)
  )
}

type Names = Pick<HelloSelf, 'manifest' | 'profile' | 'model'>
const nothing: Names = { manifest: null, profile: null, model: null }

function namesOf(manifest: IdentifiedManifest): Names {
  const { profile, name } = manifest.manifest
  return { manifest: manifest.id, profile: formatProfile(profile), model: name }
}

function needed<Value>(value: Value | null): Value {
  if (value === null) throw new ShoalError('bad-request', 'a new swarm needs a model')
  return value
}
