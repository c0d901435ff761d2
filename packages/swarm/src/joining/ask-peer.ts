import { ShoalError, type Clock, type Logger } from '@shoal/host'
import { unitBytes, unitNames, type IdentifiedManifest } from '@shoal/model'
import type { Directory, Transport } from '@shoal/network'
import { fetchManifest } from '../weights/blobs/fetch.ts'
import { sayHello, type HelloSelf } from './hello.ts'
import { checkProfileWish } from '../weights/profile/choose-profile.ts'
import { packReference, type PackOptions } from '../weights/local-manifest.ts'
import { checkReference, sameShape } from '../weights/check-reference.ts'
import type { Answer } from './join-patience.ts'
import type { Reference } from '../weights/reference.ts'

/** Name and version of this release, as sent in hellos. */
export const agent = 'shoal/0.1.0'

export interface JoinOptions extends PackOptions {
  readonly join: readonly string[]
  readonly role: 'node' | 'client'
  readonly weights?: string | undefined
  readonly kv?: string | undefined
  readonly reference: Reference | null
  /** Told once, in a sentence, when no address could be joined at once and they are asked again. */
  readonly onWait?: ((sentence: string) => void) | undefined
  /** The only manifest that is accepted. */
  readonly manifestId?: string | undefined
}

/** A local model of at most this size, in packed bytes, is packed to name its manifest in a refusal. */
const nameableBytes = 512 * 1024 * 1024

export interface JoinDependencies {
  readonly transport: Transport
  /** Finds the wanted swarm through peers of another one; null where there is no directory. */
  readonly directory: Directory | null
  readonly clock: Clock
  readonly logger: Logger
}

/** A swarm's manifest, and the member that gave it. */
export interface LearnedManifest {
  readonly manifest: IdentifiedManifest
  readonly peer: string
}

/** The peer has no manifest yet. A peer that names a model is making its manifest. */
export class NotReady extends ShoalError {
  readonly answer: Answer

  constructor(model: string | null) {
    super(
      'not-ready',
      model === null
        ? 'it has not joined a swarm itself yet (a bootstrap peer never does: name the model)'
        : `it is still packing ${model}`,
    )
    this.answer = model === null ? 'waiting' : 'making'
  }
}

/** Says hello and fetches the manifest, whose id is checked by hash. `checkWishes` decides whether it is the wanted one. */
export async function fetchFrom(
  { transport, clock, logger }: JoinDependencies,
  options: JoinOptions,
  peer: string,
  signal: AbortSignal,
): Promise<LearnedManifest> {
  const self: HelloSelf = { agent, role: options.role, manifest: null, profile: null, model: null }
  const answer = await sayHello({ transport, clock }, peer, self, signal)
  if (answer.manifest === null) throw new NotReady(answer.model)
  if (options.manifestId !== undefined && answer.manifest !== options.manifestId) {
    throw new ShoalError(
      'wrong-manifest',
      `manifest ${options.manifestId.slice(0, 12)} is wanted, but the swarm serves ${answer.model ?? 'another model'} (manifest ${answer.manifest.slice(0, 12)})`,
    )
  }
  const manifest = await fetchManifest(transport, clock, peer, answer.manifest, signal)
  logger.info('manifest-learned', { peer, manifest: manifest.id, model: manifest.manifest.name })
  return { manifest, peer }
}

/**
 * Checks that the swarm has the model and the numeric profile that the user asked for.
 * @throws {ShoalError} `wrong-manifest`, `wrong-profile` naming both
 */
export async function checkWishes(options: JoinOptions, manifest: IdentifiedManifest): Promise<void> {
  const { reference, weights, kv } = options
  const { profile, name } = manifest.manifest
  if (weights !== undefined || kv !== undefined) checkProfileWish({ weights, kv }, name, profile)
  if (reference === null) return
  const own = await ownManifestId(reference, manifest, options)
  checkReference(reference, manifest, own)
}

/** @returns null for a model that is too large or remote to be packed for this check; its tensors are compared when used */
async function ownManifestId(
  reference: Reference,
  manifest: IdentifiedManifest,
  options: JoinOptions,
): Promise<string | null> {
  const { profile, name } = manifest.manifest
  const { config } = reference.source
  const bytes = unitNames(config).reduce((sum, unit) => sum + unitBytes(config, profile, unit), 0)
  // Calibrated weights differ from packer to packer, so packing this model again would give another manifest.
  if (reference.remote || bytes > nameableBytes || profile.rounding === 'calibrated') return null
  // The same model may lie in a folder of another name. Names are for people, so the swarm's name is used.
  const named = sameShape(config, manifest.manifest.config)
    ? { ...reference, source: { ...reference.source, name } }
    : reference
  const folder = await packReference(named, profile, options)
  await folder.close()
  return folder.manifest.id
}
