import { ShoalError } from '@shoal/host'
import type { IdentifiedManifest } from '@shoal/model'
import type { PackedFolder } from '@shoal/model/node'
import type { Transport } from '@shoal/network'
import { findByBootstrap } from '../directory/find-in-directory.ts'
import type { Reference } from '../weights/reference.ts'
import type { JoinDependencies, LearnedManifest } from './ask-peer.ts'
import type { Discovery } from './discovery/discover.ts'
import { learnManifest } from './join.ts'

export interface AgreeOptions extends Omit<Parameters<typeof learnManifest>[1], 'reference'> {
  /** Multiaddrs of any Shoal peers, of whatever model: the way into the directory. */
  readonly bootstrap?: readonly string[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** The model that a peer and its swarm agree on. */
export interface AgreedModel {
  readonly manifest: IdentifiedManifest
  /** The packed model of a swarm that this peer creates; null when it joins one. */
  readonly packed: PackedFolder | null
  /** The peer that gave the manifest; null in a new swarm. */
  readonly giver: string | null
}

/**
 * Learns the manifest of the swarm that the options name, or creates a swarm of the reference when there is none: the
 * addresses of `join` are asked; without them the directory where a model is named, else the local network.
 * @param create packs the reference
 */
export async function agreeOnModel(
  dependencies: JoinDependencies & { readonly discovery: Discovery },
  options: AgreeOptions,
  reference: Reference | null,
  create: (reference: Reference) => Promise<PackedFolder>,
): Promise<AgreedModel> {
  const learned = await learn(dependencies, options, reference)
  if (learned !== null) return { manifest: learned.manifest, packed: null, giver: learned.peer }
  if (reference === null) throw new ShoalError('bad-request', 'a new swarm needs a model')
  const packed = await create(reference)
  return { manifest: packed.manifest, packed, giver: null }
}

async function learn(
  dependencies: JoinDependencies & { readonly discovery: Discovery },
  options: AgreeOptions,
  reference: Reference | null,
): Promise<LearnedManifest | null> {
  const { transport, discovery, logger } = dependencies
  const alone = options.join.length === 0
  if (alone && reference !== null)
    return findByBootstrap(dependencies, { ...options, reference }, options.bootstrap ?? [])
  const join = alone
    ? [await discovery.firstAddress(options.signal)]
    : // All machines may be given one command: the address of the first node is then its own.
      options.join.filter((address) => !isOwn(transport, address))
  const learned = await learnManifest(dependencies, { ...options, join, reference })
  if (learned === null) logger.info('swarm-created', { because: 'those that were asked wait for a model' })
  return learned
}

/** Whether an address is this peer's own, with or without the peer id at its end. */
function isOwn(transport: Transport, address: string): boolean {
  return (
    address.endsWith(`/p2p/${transport.peerId}`) ||
    transport.addresses().includes(`${address}/p2p/${transport.peerId}`)
  )
}
